"""Calls Arith and Zoo with aiorpcX over TCP and with jsonrpclib-pelix over HTTP, as ../../README.md says.

client.py -dial tcp://HOST:PORT or http://HOST:PORT/
"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

LARGEST = 2**53 - 1
TEXT = 'héllo, 世界 🦀\n\t"quoted" 100% \0 \u2028 </script>'


class OverTcp:
    """One connection of aiorpcX."""

    def __init__(self, session):
        self.session = session

    async def call(self, method, params):
        from aiorpcx import RPCError

        try:
            return await self.session.send_request(method, params)
        except RPCError as error:
            return {"error": error.code, "message": error.message}

    async def notify(self, method, params):
        await self.session.send_notification(method, params)

    async def batch(self, requests):
        """The results of those that are awaited, in their order."""
        async with self.session.send_batch() as batch:
            for method, params, is_awaited in requests:
                (batch.add_request if is_awaited else batch.add_notification)(method, params)
        return [
            {"error": result.code, "message": result.message} if isinstance(result, Exception) else result
            for result in batch.results
        ]


class OverHttp:
    """Requests of jsonrpclib-pelix."""

    def __init__(self, address):
        import jsonrpclib

        self.library = jsonrpclib
        self.address = address

    def _proxy(self):
        """One for each request: a proxy keeps a connection, on which nothing else may be asked meanwhile."""
        return self.library.ServerProxy(self.address)

    def _unanswered(self, send):
        """Sends what is answered by 204, which this library takes for a failure of the transport."""
        try:
            got = send()
        except self.library.jsonrpc.TransportError as error:
            got = error.errcode
        same(got, 204)

    @staticmethod
    def _given(method, params):
        return method(**params) if isinstance(params, dict) else method(*params)

    def _call(self, method, params):
        try:
            return self._given(getattr(self._proxy(), method), params)
        except self.library.ProtocolError as error:
            code, message = error.args[0][:2]
            return {"error": code, "message": message}

    async def call(self, method, params):
        return await asyncio.to_thread(self._call, method, params)

    async def notify(self, method, params):
        self._unanswered(lambda: self._given(getattr(self._proxy()._notify, method), params))

    async def batch(self, requests):
        """The results of those that are awaited, in their order."""
        batch = self.library.MultiCall(self._proxy())
        for method, params, is_awaited in requests:
            self._given(getattr(batch if is_awaited else batch._notify, method), params)
        if not any(is_awaited for _, _, is_awaited in requests):
            self._unanswered(batch)
            return []
        results = batch()
        ended = []
        for at in range(len(results)):
            try:
                ended.append(results[at])
            except self.library.ProtocolError as error:
                code, message = error.args[0][:2]
                ended.append({"error": code, "message": message})
        return ended


def same(got, expected):
    if got != expected or type(got) is not type(expected):
        raise AssertionError(f"got {json.dumps(got)}, expected {json.dumps(expected)}")


def gives(method, params, expected):
    async def check(peer):
        same(await peer.call(method, params), expected)

    return check


def fails(code, method, params):
    async def check(peer):
        got = await peer.call(method, params)
        same((got["error"], bool(got["message"])), (code, True))
        same(await peer.call("Arith.Multiply", [6, 7]), 42)

    return check


async def text_200_kib(peer):
    text = "é" * (100 << 10)
    same(await peer.call("Zoo.Text", [text]), text + "!")


async def largest_numbers(peer):
    same(await peer.call("Zoo.Negate", [LARGEST]), -LARGEST)
    same(await peer.call("Zoo.Negate", [-LARGEST]), LARGEST)
    same(await peer.call("Arith.Multiply", {"a": LARGEST, "b": 1}), LARGEST)


async def notification(peer):
    await peer.notify("Zoo.Pause", [1000])
    same(await peer.call("Arith.Multiply", [6, 7]), 42)


async def batch_mixed(peer):
    product, missing, text, mistyped = await peer.batch(
        [
            ("Arith.Multiply", [6, 7], True),
            ("Zoo.Pause", [1000], False),
            ("Arith.Nothing", [], True),
            ("Zoo.Text", ["é"], True),
            ("Arith.Multiply", ["six", 7], True),
        ]
    )
    same((product, text), (42, "é!"))
    same((missing["error"], mistyped["error"]), (-32601, -32602))


async def batch_of_notifications(peer):
    requests = [("Zoo.Pause", [1], False), ("Zoo.Pause", [2], False)]
    if isinstance(peer, OverHttp):
        return same(await peer.batch(requests), [])
    # aiorpcX waits for a reply to every list: another request in it ends the wait.
    same(await peer.batch([*requests, ("Zoo.Not", [True], True)]), [False])


async def many(peer):
    texts = [f"text {number}" for number in range(100)]
    answers = await asyncio.gather(*(peer.call("Zoo.Text", [text]) for text in texts))
    same(answers, [text + "!" for text in texts])


CASES = {
    "values/positional": gives("Arith.Multiply", [6, 7], 42),
    "values/one_object": gives("Arith.Multiply", [{"A": 6, "B": 7}], 42),
    "values/named": gives("Arith.Multiply", {"a": 6, "b": 7}, 42),
    "values/named_in_another_case": gives("Arith.Multiply", {"A": 6, "B": 7}, 42),
    "values/a_struct": gives("Arith.Divide", [17, 5], {"quo": 3, "rem": 2}),
    "values/nothing": gives("Zoo.Nothing", [], {}),
    "values/bool": gives("Zoo.Not", [True], False),
    "values/list": gives("Zoo.Triple", [1, 0, -2], [-2, 0, 1]),
    "values/unicode": gives("Zoo.Text", [TEXT], TEXT + "!"),
    "values/text_200_kib": text_200_kib,
    "values/largest_numbers": largest_numbers,
    "error/divide_by_zero": gives("Arith.Divide", [1, 0], {"error": -32000, "message": "divide by zero"}),
    "error/unicode": gives("Zoo.Fail", [TEXT], {"error": -32000, "message": TEXT}),
    "error/no_such_service": fails(-32601, "Nobody.Multiply", [6, 7]),
    "error/no_such_method": fails(-32601, "Arith.Nothing", [6, 7]),
    "error/mistyped": fails(-32602, "Arith.Multiply", ["six", 7]),
    "error/mistyped_by_name": fails(-32602, "Arith.Multiply", {"a": "six", "b": 7}),
    "error/too_many_parameters": fails(-32602, "Arith.Multiply", [6, 7, 8]),
    "notification/alone": notification,
    "batch/mixed": batch_mixed,
    "batch/of_notifications": batch_of_notifications,
    "many/100_at_once": many,
}


async def cases(peer):
    failed = 0
    for name, check in CASES.items():
        try:
            await check(peer)
            print(f"ok {name}")
        except Exception as failure:
            failed += 1
            print(f"FAIL {name}: {failure!r}")
    print(f"cases: {len(CASES) - failed} passed, {failed} failed")
    return failed


async def main(address):
    place = urlsplit(address)
    if place.scheme == "http":
        return await cases(OverHttp(address))
    from aiorpcx import connect_rs

    async with connect_rs(place.hostname, place.port) as session:
        return await cases(OverTcp(session))


sys.exit(1 if asyncio.run(main(sys.argv[2])) else 0)
