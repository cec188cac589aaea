// A server as Node programs have them: `node:http` alone, whose bodies come in chunks unless it is told their length.
//
// Prints `listening on http://HOST:PORT` and ends when its input closes.
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const argument = JSON.parse(body);
  const answer = (status, reply, headers = {}) => {
    const text = JSON.stringify(reply);
    response.writeHead(status, { "Content-Type": "application/json; charset=utf-8", ...headers });
    response.write(text.slice(0, 1));
    response.end(text.slice(1));
  };
  if (request.url === "/api/Arith.Multiply") answer(200, argument.a * argument.b);
  else if (request.url === "/api/Echo.Tenant") answer(200, request.headers["x-tenant"], { "X-Served-By": "node" });
  else if (request.url === "/rpc" && argument.method === "Arith.Multiply") {
    answer(200, { jsonrpc: "2.0", id: argument.id, result: argument.params.a * argument.params.b });
  } else if (request.url === "/rpc") {
    answer(500, { jsonrpc: "2.0", id: argument.id, error: { code: -32601, message: `no ${argument.method}` } });
  } else response.writeHead(404).end("nothing here\n");
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit()).resume();
