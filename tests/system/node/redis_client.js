// Drives the server with node-redis in both protocols: redis_client.js PACKAGE PORT PROTOCOL.
// Prints "ok" when everything was as it should be.
'use strict';
const assert = require('node:assert/strict');
const [, , packageName, port, protocol] = process.argv;
const { createClient } = require(packageName);
const url = `redis://127.0.0.1:${port}`;
const options = { url, name: 'node' };
if (protocol) options.RESP = Number(protocol);

async function strings(r) {
  assert.equal(await r.set('k', 'v'), 'OK');
  assert.equal(await r.get('k'), 'v');
  assert.equal(await r.get('none'), null);
  assert.equal(await r.set('k', 'w', { NX: true }), null);
  assert.equal(await r.set('k', 'w', { EX: 100, GET: true }), 'v');
  assert.ok((await r.ttl('k')) >= 99);
  assert.equal(await r.getDel('k'), 'w');
  assert.equal(await r.mSet({ a: '1', b: '2' }), 'OK');
  assert.deepEqual(await r.mGet(['a', 'none', 'b']), ['1', null, '2']);
  assert.equal(await r.incr('a'), 2);
  assert.equal(Number(await r.incrByFloat('a', 0.5)), 2.5);
  assert.equal(await r.append('t', 'hello'), 5);
  assert.equal(await r.setRange('t', 5, '!'), 6);
  assert.equal(await r.getRange('t', 0, -1), 'hello!');
  const large = 'x'.repeat(5_000_000);
  await r.set('large', large);
  assert.equal(await r.get('large'), large);
}

async function keys(r) {
  await r.flushAll();
  await r.set('k', 'v');
  assert.equal(await r.exists(['k', 'k', 'none']), 2);
  assert.equal(await r.type('k'), 'string');
  assert.ok(await r.pExpire('k', 5000));
  assert.ok((await r.pTTL('k')) > 4000);
  assert.equal(await r.rename('k', 'l'), 'OK');
  assert.ok(await r.copy('l', 'm'));
  assert.deepEqual((await r.keys('*')).sort(), ['l', 'm']);
  assert.equal(await r.del(['l', 'm']), 2);
  await Promise.all(Array.from({ length: 2000 }, (_, i) => r.set(`scan:${i}`, String(i))));
  const found = new Set();
  for await (const batch of r.scanIterator({ MATCH: 'scan:*', COUNT: 100 })) [batch].flat().forEach((key) => found.add(key));
  assert.equal(found.size, 2000);
  assert.equal(await r.dbSize(), 2000);
}

async function server(r) {
  assert.equal(await r.ping(), 'PONG');
  assert.match(await r.info('server'), /redis_mode:standalone/);
  assert.equal(await r.clientGetName(), 'node');
  assert.equal((await r.clientInfo()).name, 'node');
  assert.ok((await r.clientList()).some((client) => client.name === 'node'));
  assert.deepEqual({ ...(await r.configGet('maxmemory')) }, { maxmemory: '0' });
  assert.equal(await r.configSet('timeout', '0'), 'OK');
  assert.ok((await r.commandCount()) > 50);
  assert.ok((await r.memoryUsage('scan:1')) > 0);
  assert.equal((await r.role()).role, 'master');
  await assert.rejects(r.sendCommand(['NOSUCH', 'a']), /unknown command 'NOSUCH', with args beginning with: 'a'/);
  await r.set('text', 'abc');
  await assert.rejects(r.incr('text'), /ERR value is not an integer or out of range/);
}

async function reconnects(r) {
  const other = await createClient({ url }).connect();
  const id = await r.clientId();
  const ready = new Promise((resolve) => r.once('ready', resolve));
  assert.equal(await other.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]), 1);
  await ready;
  assert.equal(await r.ping(), 'PONG');
  await (other.close ? other.close() : other.quit());
}

(async () => {
  const r = createClient(options);
  r.on('error', (error) => {
    if (!/Socket closed|ECONNRESET|EPIPE/.test(String(error))) throw error;
  });
  await r.connect();
  for (const test of [strings, keys, server, reconnects]) await test(r);
  await r.flushAll();
  await (r.close ? r.close() : r.quit());
  console.log('ok');
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
