// The peer's server: PouchDB over HTTP on loopback, one process. Usage: node server.js FOLDER MODE
//
// Storage is PouchDB's own choice on Node, the LevelDB adapter with its defaults. Those write without fsync: an answer
// survives the death of the process but not a power cut. MODE is express-pouchdb's: "fullCouchDB", its default, has
// accounts, validation, configuration and a request log; "minimumForPouchDB" has replication alone.

'use strict';

const path = require('path');
const express = require('express');
const makeHandler = require('express-pouchdb');
const PouchDB = require('pouchdb');

const folder = path.resolve(process.argv[2]);
const mode = process.argv[3];
const Stored = PouchDB.defaults({ prefix: folder + path.sep });
const handler = makeHandler(Stored, { mode, inMemoryConfig: true, logPath: path.join(folder, 'log.txt') });
const server = express()
  .use('/', handler)
  .listen(0, '127.0.0.1', () => {
    process.stdout.write(JSON.stringify({ port: server.address().port }) + '\n');
  });
process.on('SIGTERM', () => process.exit(0));
