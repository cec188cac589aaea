"""A server as Python programs have them: the standard library alone, HTTP/1.0 or 1.1 as asked.

Prints `listening on http://HOST:PORT` and ends when its input closes.
"""
import http.server, json, sys, threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        argument = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/Arith.Multiply":
            self.answer(200, argument["a"] * argument["b"])
        elif self.path == "/api/Echo.Tenant":
            self.answer(200, self.headers["X-Tenant"], [("X-Served-By", "python")])
        elif self.path == "/rpc":
            self.answer(*self.json_rpc(argument))
        else:
            self.send_error(404)

    def json_rpc(self, request):
        if request["method"] == "Arith.Multiply":
            product = request["params"]["a"] * request["params"]["b"]
            return 200, {"jsonrpc": "2.0", "id": float(request["id"]), "result": product}
        error = {"code": -32601, "message": "no " + request["method"]}
        return 500, {"jsonrpc": "2.0", "id": request["id"], "error": error}

    def answer(self, status, reply, headers=()):
        body = json.dumps(reply).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        # The standard library says no type unless told, and of 1.0 the end of the stream ends the body.
        if self.protocol_version == "HTTP/1.1":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


Handler.protocol_version = "HTTP/" + sys.argv[1]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print("listening on http://127.0.0.1:%d" % server.server_address[1], flush=True)
sys.stdin.read()
