// What people write first: the `ws` package, and one `send` for each client. Lines come in on one port and go out on the other.
import net from "node:net";
import { pathToFileURL } from "node:url";

const [modules, listens, takes] = process.argv.slice(2);
const { WebSocketServer } = await import(pathToFileURL(`${modules}/wrapper.mjs`));
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(listens), perMessageDeflate: false });
net
  .createServer((socket) => {
    let rest = "";
    socket.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) for (const client of server.clients) client.send(line);
    });
  })
  .listen(Number(takes), "127.0.0.1");
