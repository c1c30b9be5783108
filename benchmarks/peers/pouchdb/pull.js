// The peer's client: replicates a database once into a local LevelDB store with PouchDB's default settings, then prints
// what it took. Usage: node pull.js URL FOLDER
//
// Bytes are counted on the sockets themselves, so they are what went over the wire, heads and compression included.

'use strict';

const channel = require('diagnostics_channel');
const path = require('path');
const PouchDB = require('pouchdb');

const [url, folder] = process.argv.slice(2);
const sockets = [];
channel.subscribe('net.client.socket', ({ socket }) => sockets.push(socket));

let requests = 0;
function countAndFetch(address, options) {
  requests += 1;
  return PouchDB.fetch(address, options);
}

async function pull() {
  const local = new PouchDB(path.join(path.resolve(folder), 'local'));
  const remote = new PouchDB(url, { fetch: countAndFetch, skip_setup: true });
  await local.info();
  const began = process.hrtime.bigint();
  const result = await local.replicate.from(remote);
  const tookS = Number(process.hrtime.bigint() - began) / 1e9;
  const { doc_count: records } = await local.info();
  await local.close();
  const wireBytes = sockets.reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0);
  const cpu = process.cpuUsage();
  const cpuS = (cpu.user + cpu.system) / 1e6;
  const report = { took_s: tookS, records, requests, wire_bytes: wireBytes, connections: sockets.length, cpu_s: cpuS };
  process.stdout.write(JSON.stringify({ ...report, ok: result.ok }) + '\n');
}

pull().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(String(error && error.stack) + '\n');
    process.exit(1);
  },
);
