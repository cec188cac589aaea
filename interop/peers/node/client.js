'use strict';
// Calls Arith and Zoo with jayson's clients, as ../../README.md says: client.js -dial tcp://HOST:PORT or http://HOST:PORT/

const { isDeepStrictEqual } = require('node:util');
const jayson = require('jayson');

const address = new URL(process.argv[3]);
const place = { host: address.hostname, port: Number(address.port) };
const client = address.protocol === 'http:'
  ? jayson.Client.http({ ...place, path: address.pathname })
  : jayson.Client.tcp(place);

/** Sends what the library made, and gives the whole response. */
function send(request) {
  return new Promise((resolve, reject) => {
    client.request(request, (failure, response) => failure ? reject(failure) : resolve(response));
  });
}

/** The result, or the error as the server said it. */
function call(method, params) {
  return new Promise((resolve, reject) => {
    client.request(method, params, (failure, error, result) => {
      if (failure) return reject(failure);
      resolve(error ? { error: error.code, message: error.message } : result);
    });
  });
}

function same(got, expected) {
  if (!isDeepStrictEqual(got, expected)) {
    throw new Error(`got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
  }
}

async function failsWith(code, method, params) {
  const got = await call(method, params);
  same({ error: got.error, hasText: Boolean(got.message) }, { error: code, hasText: true });
  same(await call('Arith.Multiply', [6, 7]), 42);
}

const LARGEST = Number.MAX_SAFE_INTEGER;
const TEXT = 'héllo, 世界 🦀\n\t"quoted" 100% \u0000 \u2028 </script>';

const CASES = {
  'values/positional': async () => same(await call('Arith.Multiply', [6, 7]), 42),
  'values/one_object': async () => same(await call('Arith.Multiply', [{ A: 6, B: 7 }]), 42),
  'values/named': async () => same(await call('Arith.Multiply', { a: 6, b: 7 }), 42),
  'values/named_in_another_case': async () => same(await call('Arith.Multiply', { A: 6, B: 7 }), 42),
  'values/a_struct': async () => same(await call('Arith.Divide', [17, 5]), { quo: 3, rem: 2 }),
  'values/nothing': async () => same(await call('Zoo.Nothing', []), {}),
  'values/bool': async () => same(await call('Zoo.Not', [true]), false),
  'values/list': async () => same(await call('Zoo.Triple', [1, 0, -2]), [-2, 0, 1]),
  'values/unicode': async () => same(await call('Zoo.Text', [TEXT]), TEXT + '!'),
  'values/text_200_kib': async () => {
    const text = 'é'.repeat(100 << 10);
    same(await call('Zoo.Text', [text]), text + '!');
  },
  'values/largest_numbers': async () => {
    same(await call('Zoo.Negate', [LARGEST]), -LARGEST);
    same(await call('Zoo.Negate', [-LARGEST]), LARGEST);
    same(await call('Arith.Multiply', { a: LARGEST, b: 1 }), LARGEST);
  },
  'error/divide_by_zero': async () => {
    same(await call('Arith.Divide', [1, 0]), { error: -32000, message: 'divide by zero' });
    same(await call('Arith.Multiply', [6, 7]), 42);
  },
  'error/unicode': async () => same(await call('Zoo.Fail', [TEXT]), { error: -32000, message: TEXT }),
  'error/no_such_service': () => failsWith(-32601, 'Nobody.Multiply', [6, 7]),
  'error/no_such_method': () => failsWith(-32601, 'Arith.Nothing', [6, 7]),
  'error/mistyped': () => failsWith(-32602, 'Arith.Multiply', ['six', 7]),
  'error/mistyped_by_name': () => failsWith(-32602, 'Arith.Multiply', { a: 'six', b: 7 }),
  'error/too_many_parameters': () => failsWith(-32602, 'Arith.Multiply', [6, 7, 8]),
  'error/no_request': async () => {
    const { error } = await send({ jsonrpc: '2.0', method: 7, id: 'x' });
    same(error.code, -32600);
  },
  'notification/alone': async () => same(await send(client.request('Zoo.Pause', [1000], null)), undefined),
  'batch/mixed': async () => {
    const batch = [
      client.request('Arith.Multiply', [6, 7], 'product'),
      client.request('Zoo.Pause', [1000], null),
      client.request('Arith.Nothing', [], 3),
      client.request('Zoo.Text', ['é'], 'text'),
      client.request('Arith.Multiply', ['six', 7], 4),
    ];
    const replies = new Map((await send(batch)).map((reply) => [reply.id, reply]));
    same([...replies.keys()].map(String).sort(), ['3', '4', 'product', 'text']);
    same([replies.get('product').result, replies.get('text').result], [42, 'é!']);
    same([replies.get(3).error.code, replies.get(4).error.code], [-32601, -32602]);
  },
  'batch/of_notifications': async () => {
    const batch = [client.request('Zoo.Pause', [1], null), client.request('Zoo.Pause', [2], null)];
    if (address.protocol === 'http:') return same(await send(batch), undefined);
    // Over a stream the client waits for a reply to every list: another request in it ends the wait.
    same((await send([...batch, client.request('Zoo.Not', [true], 1)])).length, 1);
  },
  'many/100_at_once': async () => {
    const calls = Array.from({ length: 100 }, (_, number) => call('Zoo.Text', [`text ${number}`]));
    same(await Promise.all(calls), calls.map((_, number) => `text ${number}!`));
  },
};

async function run() {
  let failed = 0;
  for (const [name, check] of Object.entries(CASES)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (failure) {
      failed += 1;
      console.log(`FAIL ${name}: ${failure.message}`);
    }
  }
  console.log(`cases: ${Object.keys(CASES).length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

run();
