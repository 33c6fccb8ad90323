// The same with Bun's own server: one topic, and one `publish` for each line. Lines come in on one port and go out on the other.
const [listens, takes] = process.argv.slice(2).map(Number);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: listens,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("here")),
  websocket: {
    // As much as a slow reader may be behind.
    backpressureLimit: 1 << 29,
    open: (socket) => socket.subscribe("town"),
    message() {},
  },
});
let rest = Buffer.alloc(0);
Bun.listen({
  hostname: "127.0.0.1",
  port: takes,
  socket: {
    data(_, bytes) {
      const all = Buffer.concat([rest, bytes]);
      let from = 0;
      for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, from)) {
        server.publish("town", all.toString("utf8", from, end));
        from = end + 1;
      }
      rest = all.subarray(from);
    },
  },
});
