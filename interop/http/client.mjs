// A caller as Node programs are: `fetch`, and nothing beside it.
//
// Prints `ok NAME` or `FAIL NAME: WHY` for each case, then `cases: N passed, M failed`.
const base = process.argv[2];
let passed = 0, failed = 0;

async function post(path, argument, headers = { "Content-Type": "application/json" }) {
  const body = JSON.stringify(argument);
  const response = await fetch(base + path, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
  return [response.status, await response.json()];
}

function is(name, got, expected) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(expected)];
  if (left === right) {
    passed += 1;
    console.log(`ok ${name}`);
  } else {
    failed += 1;
    console.log(`FAIL ${name}: got ${left}, expected ${right}`);
  }
}

is("multiply", await post("/Arith.Multiply", { a: 6, b: 7 }), [200, 42]);
is("divide", await post("/Arith.Divide", { a: 17, b: 5 }), [200, { quo: 3, rem: 2 }]);
let [status, error] = await post("/Arith.Divide", { a: 1, b: 0 });
is("error/divide_by_zero", [status, error.code, error.message], [500, "unknown", "divide by zero"]);
[status, error] = await post("/Arith.Nothing", {});
is("error/no_method", [status, error.code, error.executed], [404, "unimplemented", false]);
// Its text is text/plain unless it says so, which a form of any page may be.
[status, error] = await post("/Arith.Multiply", { a: 6, b: 7 }, {});
is("error/no_type", [status, error.code], [415, "invalid_argument"]);
const request = { jsonrpc: "2.0", id: "x", method: "Arith.Multiply", params: [6, 7] };
is("json_rpc", await post("/jsonrpc", request), [200, { jsonrpc: "2.0", id: "x", result: 42 }]);
is("what_is_served", (await (await fetch(base)).text()).includes("Arith.Multiply"), true);
// A page's own header cannot be had back by leaving another out.
is("error/a_page", (await post("/Arith.Multiply", { a: 6, b: 7 }, { "Content-Type": "application/json", Origin: "http://evil.test" }))[0], 403);
const many = await Promise.all([...Array(100).keys()].map((a) => post("/Arith.Multiply", { a, b: 2 })));
is("many", many.every(([status, product], a) => status === 200 && product === 2 * a), true);
console.log(`cases: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
