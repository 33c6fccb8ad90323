// A thousand witnesses that read and throw away what they read, and an agent that publishes at a rate; measured in main.mjs.
import { connect } from "node:net";

const [origin, witnesses, rate, seconds, token, agent] = process.argv.slice(2);
const { hostname, port, host } = new URL(origin);
let bytes = 0;
let closed = 0;

function seat() {
  return new Promise((seated) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`GET /ws?after=now HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    });
    socket.once("data", seated);
    socket.on("data", (chunk) => (bytes += chunk.length));
    socket.on("close", () => (closed += 1));
    socket.on("error", () => undefined);
  });
}

const state = await (await fetch(new URL("/api/town", origin))).json();
const source = state.source;
const now = () => performance.timeOrigin + performance.now();

function event(at) {
  return {
    specversion: "1.0", id: `${agent}/${String(at).padStart(10, "0")}`, type: "monkeytown.run.step.v1", source, subject: `agent/${agent}`,
    time: new Date().toISOString(), actor: `agent:${agent}`, data: { agent, phase: "act", tool: "Bash", text: `#${Math.floor(now())} looks around` },
  };
}

async function publish(batch) {
  const answer = await fetch(new URL("/api/publish", origin), {
    method: "POST", body: JSON.stringify(batch),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/cloudevents-batch+json" },
  });
  if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

for (let at = 0; at < Number(witnesses); at += 100) await Promise.all(Array.from({ length: Math.min(100, witnesses - at) }, seat));
process.send({ seated: Number(witnesses) });
process.once("message", async () => {
  const [begun, total] = [performance.now(), rate * seconds];
  let sent = 0;
  bytes = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) * rate) / 1000) + 1);
    if (due > sent) await publish(Array.from({ length: Math.min(500, due - sent) }, (_, i) => event(sent + i))), (sent = Math.min(due, sent + 500));
    else await new Promise((later) => setTimeout(later, 2));
  }
  const took = (performance.now() - begun) / 1000;
  process.send({ over: { sent, took_s: took, crowd_bytes: bytes, crowd_closed: closed } });
});
