'use strict';
// Serves what ../../README.md says of Arith and Zoo with jayson's servers: server.js -listen tcp or http

const jayson = require('jayson');

const { INVALID_PARAMS } = jayson.Server.errors;

/** Parameters in their order, or the same by their names. */
function named(params, names) {
  return Array.isArray(params) ? names.map((_, at) => params[at]) : names.map((name) => params[name]);
}

/** A method whose parameters have this type, in this order. */
function method(names, type, answer) {
  return (params, done) => {
    const given = named(params ?? [], names);
    if (given.some((value) => typeof value !== type)) {
      return done({ code: INVALID_PARAMS, message: `expected ${names} of type ${type}` });
    }
    answer(done, ...given);
  };
}

const METHODS = {
  'Arith.Multiply': method(['a', 'b'], 'number', (done, a, b) => done(null, a * b)),
  'Arith.Divide': method(['a', 'b'], 'number', (done, a, b) => {
    if (b === 0) return done({ code: 7, message: 'divide by zero' });
    done(null, { Quo: Math.trunc(a / b), Rem: a % b });
  }),
  'Zoo.Text': method(['text'], 'string', (done, text) => done(null, text + '!')),
  'Zoo.Not': method(['flag'], 'boolean', (done, flag) => done(null, !flag)),
  'Zoo.Negate': method(['number'], 'number', (done, number) => done(null, -number)),
  'Zoo.Fail': method(['text'], 'string', (done, text) => done({ code: -32000, message: text })),
  'Zoo.Slow': method(['ms'], 'number', (done, ms) => setTimeout(() => done(null, ms), ms)),
  'Zoo.Nothing': (_, done) => done(null, {}),
  'Zoo.Grid': (params, done) => done(null, [...params[0]].reverse()),
};

const server = new jayson.Server(METHODS);
const scheme = process.argv[3];
const listener = scheme === 'http' ? server.http() : server.tcp();
listener.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${scheme}://127.0.0.1:${listener.address().port}`);
});
process.stdin.on('end', () => process.exit(0)).resume();
