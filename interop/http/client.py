"""A caller as Python programs are: urllib.request, and nothing beside it.

Prints `ok NAME` or `FAIL NAME: WHY` for each case, then `cases: N passed, M failed`.
"""
import json, sys, urllib.error, urllib.request

base = sys.argv[1]
passed = failed = 0


def post(path, argument, headers={"Content-Type": "application/json"}):
    request = urllib.request.Request(base + path, json.dumps(argument).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def case(name, got, expected):
    global passed, failed
    if got == expected:
        passed += 1
        print("ok", name)
    else:
        failed += 1
        print("FAIL %s: got %r, expected %r" % (name, got, expected))


case("multiply", post("/Arith.Multiply", {"a": 6, "b": 7}), (200, 42))
# Without a type it says that it is a form.
case("multiply_as_a_form", post("/Arith.Multiply", {"A": 6, "B": 7}, {}), (200, 42))
case("divide", post("/Arith.Divide", {"a": 17, "b": 5}), (200, {"quo": 3, "rem": 2}))
status, error = post("/Arith.Divide", {"a": 1, "b": 0})
case("error/divide_by_zero", (status, error["code"], error["message"]), (500, "unknown", "divide by zero"))
status, error = post("/Arith.Nothing", {})
case("error/no_method", (status, error["code"], error["executed"]), (404, "unimplemented", False))
request = {"jsonrpc": "2.0", "id": "x", "method": "Arith.Multiply", "params": [6, 7]}
case("json_rpc", post("/jsonrpc", request), (200, {"jsonrpc": "2.0", "id": "x", "result": 42}))
with urllib.request.urlopen(base, timeout=10) as response:
    case("what_is_served", "Arith.Multiply" in response.read().decode(), True)
print("cases: %d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
