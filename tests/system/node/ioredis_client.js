// Drives the server with ioredis: ioredis_client.js PACKAGE PORT.
// Prints "ok" when everything was as it should be.
'use strict';
const assert = require('node:assert/strict');
const [, , packageName, port] = process.argv;
const loaded = require(packageName);
const Redis = loaded.Redis || loaded.default || loaded;

async function strings(r) {
  assert.equal(await r.set('k', 'v'), 'OK');
  assert.equal(await r.get('k'), 'v');
  assert.equal(await r.get('none'), null);
  assert.equal(await r.set('k', 'w', 'NX'), null);
  assert.equal(await r.set('k', 'w', 'EX', 100, 'GET'), 'v');
  assert.ok((await r.ttl('k')) >= 99);
  assert.equal(await r.getex('k', 'PERSIST'), 'w');
  assert.equal(await r.getdel('k'), 'w');
  assert.equal(await r.mset({ a: 1, b: 2 }), 'OK');
  assert.deepEqual(await r.mget('a', 'none', 'b'), ['1', null, '2']);
  assert.equal(await r.incr('a'), 2);
  assert.equal(await r.incrbyfloat('a', 0.5), '2.5');
  assert.equal(await r.append('t', 'hello'), 5);
  assert.equal(await r.setrange('t', 5, '!'), 6);
  assert.equal(await r.getrange('t', 0, -1), 'hello!');
  const bytes = Buffer.from([0, 255, 13, 10, 36]);
  await r.set('bytes', bytes);
  assert.deepEqual(await r.getBuffer('bytes'), bytes);
  assert.equal(await r.incrby('big', '9007199254740993').then(String), String(9007199254740993));
}

async function keys(r) {
  await r.flushall();
  await r.set('k', 'v');
  assert.equal(await r.exists('k', 'k', 'none'), 2);
  assert.equal(await r.type('k'), 'string');
  assert.equal(await r.pexpire('k', 5000), 1);
  assert.ok((await r.pttl('k')) > 4000);
  assert.equal(await r.rename('k', 'l'), 'OK');
  assert.equal(await r.copy('l', 'm'), 1);
  assert.equal(await r.object('ENCODING', 'm'), 'embstr');
  assert.equal(await r.restore('n', 0, await r.dumpBuffer('m')), 'OK');
  assert.deepEqual((await r.keys('*')).sort(), ['l', 'm', 'n']);
  assert.equal(await r.del('l', 'm', 'n'), 3);
  const pipeline = r.pipeline();
  for (let i = 0; i < 2000; i++) pipeline.set(`scan:${i}`, i);
  assert.ok((await pipeline.exec()).every(([error, reply]) => !error && reply === 'OK'));
  const found = new Set();
  for await (const batch of r.scanStream({ match: 'scan:*', count: 100 })) batch.forEach((key) => found.add(key));
  assert.equal(found.size, 2000);
}

async function server(r) {
  assert.equal(await r.ping(), 'PONG');
  assert.match(await r.info('server'), /redis_mode:standalone/);
  assert.equal(await r.client('SETNAME', 'node'), 'OK');
  assert.match(await r.client('LIST'), /name=node/);
  assert.equal((await r.time()).length, 2);
  const commands = await r.command('COUNT');
  assert.ok(commands > 50);
  await assert.rejects(r.call('NOSUCH', 'a'), /unknown command 'NOSUCH', with args beginning with: 'a'/);
  await r.set('text', 'abc');
  await assert.rejects(r.incr('text'), /ERR value is not an integer or out of range/);
}

async function reconnects(r) {
  const other = new Redis({ port, connectionName: 'other' });
  const id = await r.client('ID');
  assert.equal(await other.client('KILL', 'ID', id), 1);
  assert.equal(await r.ping(), 'PONG');
  await other.quit();
}

async function autoPipelines() {
  const r = new Redis({ port, enableAutoPipelining: true });
  await Promise.all(Array.from({ length: 5000 }, (_, i) => r.set(`auto:${i}`, i)));
  const read = await Promise.all(Array.from({ length: 5000 }, (_, i) => r.get(`auto:${i}`)));
  assert.deepEqual(read, Array.from({ length: 5000 }, (_, i) => String(i)));
  await r.quit();
}

async function monitors(r) {
  const monitor = await r.monitor();
  const seen = new Promise((resolve) =>
    monitor.on('monitor', (time, args) => args[1] === 'watched' && resolve(args)));
  await r.set('watched', 'yes');
  assert.deepEqual((await seen).map((word) => word.toLowerCase()), ['set', 'watched', 'yes']);
  monitor.disconnect();
}

(async () => {
  const r = new Redis({ port, connectionName: 'node', db: 2 });
  for (const test of [strings, keys, server, reconnects, autoPipelines, monitors]) await test(r);
  await r.flushall();
  await r.quit();
  console.log('ok');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
