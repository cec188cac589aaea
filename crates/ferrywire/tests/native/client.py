"""A client of Ferrywire's native protocol, written from docs/native-protocol.md with the standard library alone.
client.py HOST PORT makes the calls of `main` and prints what came of each, a line a call."""

import json, socket, struct, sys

REQUEST, RESPONSE, ERROR, CANCEL, HELLO, PING, PONG, GO_AWAY = range(8)
NAMED, CODEC, DEADLINE, TRACE, METADATA, CHECKSUM = 0x10, 0x20, 0x40, 0x80, 0x100, 0x400
MORE, CONTINUED = 0x800, 0x1000
PREFACE = struct.Struct("<4sHHII")
HEADER = struct.Struct("<IHHQ")
JSON = b"\x02"


def short(text):
    """A short text: a length of one byte, then UTF-8."""
    return struct.pack("B", len(text.encode())) + text.encode()


class Bytes:
    """Bytes that are read from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "a part is longer than its frame"
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self):
        return self.take(len(self.data) - self.at)

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.number("B")).decode()


class Client:
    """One connection. Calls are started, and their answers waited for in any order."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.incoming = self.socket.makefile("rb")
        self.last_id, self.bodies, self.answers, self.numbers, self.preface = 0, {}, {}, None, None
        self.socket.sendall(PREFACE.pack(b"\xc1FWR", 1, 1, 0, 0))
        # The longest body that is read here, no requests at once, no time said, and no services.
        self.send(HELLO, 0, body=struct.pack("<IIIH", 1 << 20, 0, 0, 0))

    def send(self, kind, id, parts=(), body=b"", method=0):
        """One frame; its parts are pairs of a flag and bytes, which stand in the order of the flags."""
        parts = sorted(parts)
        payload = b"".join(part for _, part in parts) + body
        flags = kind | sum(flag for flag, _ in parts)
        self.socket.sendall(HEADER.pack(len(payload), method, flags, id) + payload)

    def start(self, method, argument, timeout_ms=None, metadata=None):
        """Sends a request for a name or a number, and returns its id."""
        is_named = isinstance(method, str)
        parts = [(CODEC, JSON)] + ([(NAMED, short(method) + bytes(8))] if is_named else [])
        if timeout_ms is not None:
            parts.append((DEADLINE, struct.pack("<I", timeout_ms)))
        if metadata:
            entries = b"".join(short(name) + struct.pack("<H", len(value)) + value for name, value in metadata)
            parts.append((METADATA, struct.pack("<H", len(entries)) + entries))
        self.last_id += 1
        self.send(REQUEST, self.last_id, parts, json.dumps(argument).encode(), 0 if is_named else method)
        return self.last_id

    def wait(self, id):
        """What a call was answered, as a dictionary of `reply`, or of `code` and `error`; and `metadata`."""
        while id not in self.answers:
            self.read()
        return self.answers.pop(id)

    def call(self, method, argument, **more):
        return self.wait(self.start(method, argument, **more))

    def number(self, name):
        """The number that the hello gives to a method."""
        while self.numbers is None:
            self.read()
        return self.numbers[name]

    def read(self):
        """Takes one frame in, the preface before the first."""
        if self.preface is None:
            self.preface = PREFACE.unpack(self.incoming.read(16))
            assert self.preface[0] == b"\xc1FWR" and self.preface[2] <= 1, "another protocol, or a later one"
        length, method, flags, id = HEADER.unpack(self.incoming.read(16))
        kind, frame = flags & 15, Bytes(self.incoming.read(length)[: -4 if flags & CHECKSUM else None])
        if kind == HELLO:
            self.hello(frame)
        elif kind in (RESPONSE, ERROR):
            self.answer(kind, method, flags, id, frame)
        elif kind == PING:
            self.send(PONG, id, body=frame.rest())
        elif kind == PONG:
            self.answers["pong", id] = frame.rest().decode()
        elif kind == GO_AWAY:
            raise ConnectionError(f"the server goes away: {method}, {frame.rest().decode()}")

    def hello(self, frame):
        self.body_len_max, self.calls_max, _, self.numbers = *(frame.number("I") for _ in range(3)), {}
        for _ in range(frame.number("H")):
            service, _ = frame.text(), frame.number("Q")
            for _ in range(frame.number("H")):
                self.numbers[f"{service}.{frame.text()}"] = len(self.numbers)
                frame.number("Q")

    def answer(self, kind, code, flags, id, frame):
        codec = frame.take(1) if flags & CODEC else b"\x00"
        metadata = Bytes(frame.take(frame.number("H")) if flags & METADATA else b"")
        answer = self.bodies.setdefault(id, {"body": b"", "codec": codec, "metadata": {}})
        while metadata.at < len(metadata.data):
            name = metadata.text()
            answer["metadata"][name] = metadata.take(metadata.number("H")).decode("latin-1")
        if flags & MORE and not flags & CONTINUED:
            frame.number("I")
        if kind == ERROR:
            answer.update(code=code, error=frame.take(frame.number("I")).decode())
        answer["body"] += frame.rest()
        if not flags & MORE:
            del self.bodies[id]
            body, codec = answer.pop("body"), answer.pop("codec")
            if body:
                answer["reply" if kind == RESPONSE else "details"] = json.loads(body) if codec == JSON else repr(body)
            self.answers[id] = answer


def main(host, port):
    client = Client(host, int(port))
    show = lambda what, answer: print(what, json.dumps(answer, sort_keys=True), flush=True)
    show("by name", client.call("Desk.Total", {"prices": [6, 30, 20], "discount": 14}))
    show("by number", client.call(client.number("Desk.Total"), {"prices": [40], "discount": -2}))
    show("an error", client.call("Desk.Refuse", "100 % é"))
    show("nobody", client.call("Desk.Nobody", None))
    show("metadata", client.call("Desk.Echo", None, metadata=[("who", b"me"), ("key-bin", b"\x00\xff")]))
    slow, other = client.start("Desk.Wait", 60_000), client.start("Desk.Wait", 1)
    show("meanwhile", client.wait(other))
    client.send(CANCEL, slow)
    show("cancelled", client.wait(slow))
    show("too late", client.call("Desk.Wait", 60_000, timeout_ms=20))
    client.send(PING, 7, body=b"anybody there?")
    show("ping", client.wait(("pong", 7)))


if __name__ == "__main__":
    main(*sys.argv[1:])
