<?php
// Drives the server with phpredis (Debian's php-redis): php_client.php PORT.
// Prints "ok" when everything was as it should be.

function check($got, $wanted, $what) {
    if ($got !== $wanted) {
        fwrite(STDERR, "$what: got " . var_export($got, true) . ", wanted " . var_export($wanted, true) . "\n");
        exit(1);
    }
}

$port = (int)$argv[1];
$r = new Redis();
check($r->connect('127.0.0.1', $port, 5.0), true, 'connect');
$r->flushAll();

check($r->ping(), true, 'ping');
check($r->ping('x'), 'x', 'ping x');
check($r->echo('x'), 'x', 'echo');
check($r->set('k', 'v'), true, 'set');
check($r->get('k'), 'v', 'get');
check($r->get('none'), false, 'get none');
check($r->set('k', 'w', ['nx']), false, 'set nx');
check($r->set('k', 'w', ['xx', 'ex' => 100]), true, 'set xx ex');
check($r->ttl('k') > 98, true, 'ttl');
check($r->setex('s', 10, 'v'), true, 'setex');
check($r->psetex('s', 10000, 'v'), true, 'psetex');
check($r->setnx('s', 'v'), false, 'setnx');
check($r->getSet('s', 'w'), 'v', 'getset');
check($r->mset(['a' => '1', 'b' => "\x00\xff"]), true, 'mset');
check($r->mget(['a', 'b', 'none']), ['1', "\x00\xff", false], 'mget');
check($r->msetnx(['a' => '2', 'z' => '1']), false, 'msetnx');
check($r->incr('a'), 2, 'incr');
check($r->incrBy('a', 40), 42, 'incrby');
check($r->decrBy('a', 2), 40, 'decrby');
check($r->incrByFloat('a', 0.5), 40.5, 'incrbyfloat');
check($r->append('t', 'hello'), 5, 'append');
check($r->strlen('t'), 5, 'strlen');
check($r->setRange('t', 5, '!'), 6, 'setrange');
check($r->getRange('t', 0, -1), 'hello!', 'getrange');

check($r->exists('a', 'b', 'none'), 2, 'exists');
check($r->type('a'), Redis::REDIS_STRING, 'type');
check($r->expire('a', 100), true, 'expire');
check($r->pttl('a') > 90000, true, 'pttl');
check($r->persist('a'), true, 'persist');
check($r->rename('a', 'aa'), true, 'rename');
check($r->renameNx('aa', 'b'), false, 'renamenx');
check($r->rawCommand('COPY', 'aa', 'ab'), 1, 'copy');
check($r->move('ab', 3), true, 'move');
check($r->object('encoding', 'aa'), 'embstr', 'object');
check($r->del('aa', 'none'), 1, 'del');
check($r->unlink('b'), 1, 'unlink');
check($r->rawCommand('TOUCH', 't'), 1, 'touch');
$payload = $r->dump('t');
check($r->restore('u', 0, $payload), true, 'restore');
check($r->get('u'), 'hello!', 'get restored');
check($r->dbSize(), 4, 'dbsize');
check($r->select(3), true, 'select');
check($r->get('ab'), '40.5', 'get moved');
check($r->swapdb(0, 3), true, 'swapdb');
check($r->flushDB(), true, 'flushdb');

for ($i = 0; $i < 1000; $i++) {
    $r->set("scan:$i", $i);
}
$r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
$found = [];
$cursor = null;
while ($keys = $r->scan($cursor, 'scan:*', 50)) {
    foreach ($keys as $key) {
        $found[$key] = true;
    }
}
check(count($found), 1000, 'scan');
check(count($r->keys('scan:1*')), 111, 'keys');

$pipe = $r->multi(Redis::PIPELINE);
for ($i = 0; $i < 5000; $i++) {
    $pipe->incr('pipelined');
}
check($pipe->exec(), range(1, 5000), 'pipeline');

check($r->info()['redis_mode'], 'standalone', 'info');
check($r->config('GET', 'maxmemory'), ['maxmemory' => '0'], 'config get');
check($r->config('SET', 'timeout', '0'), true, 'config set');
check($r->client('setname', 'php'), true, 'client setname');
check($r->client('getname'), 'php', 'client getname');
$names = array_column($r->client('list'), 'name');
check(in_array('php', $names), true, 'client list');
check(count($r->time()), 2, 'time');
check($r->slowlog('len') >= 0, true, 'slowlog');
check($r->role()[0], 'master', 'role');
check($r->wait(0, 10), 0, 'wait');

check($r->set('text', 'abc') && $r->incr('text'), false, 'incr of text');
check(trim($r->getLastError()), 'ERR value is not an integer or out of range', 'error');
check($r->rawCommand('NOSUCH', 'a'), false, 'unknown');
check(trim($r->getLastError()), "ERR unknown command 'NOSUCH', with args beginning with: 'a'", 'unknown error');

$large = str_repeat("0123456789\r\n\x00", 1000000);
check($r->set('large', $large), true, 'set large');
check($r->get('large') === $large, true, 'get large');

// Sessions, which many applications keep here.
ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://127.0.0.1:$port?database=4&prefix=sess:");
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
foreach ([false, true] as $locking) {
    ini_set('redis.session.locking_enabled', $locking ? '1' : '0');
    $id = $locking ? 'locked' : 'plain';
    session_id($id);
    check(session_start(), true, 'session start');
    $_SESSION = ['user' => 'alice', 'visits' => 1];
    check(session_write_close(), true, 'session write');
    check($r->select(4), true, 'select');
    check($r->ttl("sess:$id") > 0, true, 'session ttl');
    $_SESSION = [];
    session_id($id);
    check(session_start(), true, 'session start again');
    check($_SESSION, ['user' => 'alice', 'visits' => 1], 'session data');
    check(session_destroy(), true, 'session destroy');
    check($r->exists("sess:$id"), 0, 'session gone');
}
check($r->select(0), true, 'select');

check($r->config('SET', 'requirepass', 'secret'), true, 'set password');
$member = new Redis();
check($member->connect('127.0.0.1', $port), true, 'connect');
try {
    $member->get('k');
    check('an answer', 'NOAUTH', 'no password');
} catch (RedisException $e) {
    check(strncmp($e->getMessage(), 'NOAUTH', 6), 0, 'no password');
}
check($member->auth('secret'), true, 'auth');
check($member->auth(['default', 'secret']), true, 'auth with name');
check($r->config('SET', 'requirepass', ''), true, 'take password back');

$persistent = new Redis();
check($persistent->pconnect('127.0.0.1', $port), true, 'pconnect');
check($persistent->ping(), true, 'ping');
$r->close();
echo "ok\n";
