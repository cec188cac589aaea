"""Serves what ../../README.md says of Arith and Zoo with aiorpcX over TCP and with jsonrpclib-pelix over HTTP.

server.py -listen tcp or http
"""

import asyncio
import logging
import sys
import threading
from socketserver import ThreadingMixIn

from aiorpcx import RPCError, RPCSession, handler_invocation, serve_rs
from jsonrpclib import Fault
from jsonrpclib.SimpleJSONRPCServer import SimpleJSONRPCServer


async def multiply(a, b):
    return number(a) * number(b)


async def divide(a, b):
    if number(b) == 0:
        raise RPCError(7, "divide by zero")
    quotient = abs(number(a)) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return {"Quo": quotient, "Rem": a - quotient * b}


async def text(text):
    return text + "!"


async def invert(flag):
    return not flag


async def negate(number):
    return -number


async def fail(text):
    raise RPCError(-32000, text)


async def slow(ms):
    await asyncio.sleep(ms / 1000)
    return ms


async def nothing():
    return {}


async def grid(rows):
    return rows[::-1]


def number(value):
    if not isinstance(value, int):
        raise RPCError.invalid_args(f"expected a number, got {value!r}")
    return value


METHODS = {
    "Arith.Multiply": multiply,
    "Arith.Divide": divide,
    "Zoo.Text": text,
    "Zoo.Not": invert,
    "Zoo.Negate": negate,
    "Zoo.Fail": fail,
    "Zoo.Slow": slow,
    "Zoo.Nothing": nothing,
    "Zoo.Grid": grid,
}


class Session(RPCSession):
    # Otherwise it slows down, and then hangs up on, a peer whose calls fail often.
    cost_hard_limit = 0

    async def handle_request(self, request):
        return await handler_invocation(METHODS.get(request.method), request)()


async def over_tcp():
    server = await serve_rs(Session, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"listening on tcp://{host}:{port}", flush=True)
    # Until the input closes.
    await asyncio.to_thread(sys.stdin.read)


class Threaded(ThreadingMixIn, SimpleJSONRPCServer):
    daemon_threads = True


def called(method):
    """The same method, in the words of jsonrpclib-pelix."""

    def call(*args, **kwargs):
        try:
            return asyncio.run(method(*args, **kwargs))
        except RPCError as error:
            return Fault(error.code, error.message)

    return call


def over_http():
    # It writes down every error that a client is told.
    logging.disable()
    server = Threaded(("127.0.0.1", 0), logRequests=False)
    for name, method in METHODS.items():
        server.register_function(called(method), name)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    # Until the input closes.
    sys.stdin.read()


if sys.argv[2] == "http":
    over_http()
else:
    asyncio.run(over_tcp())
