// Exports Stream: how the page hears of the town, what was lost on the way, and how the server is; figures come from stream-figures.ts.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import "./screens.css";
import type { StreamInfo } from "../ui/api";
import * as app from "../ui/app";
import { Empty, Got, Said, stamp, wait } from "../ui/parts";
import { STEPS, bytes, duration, histogram, millis, quantile } from "./stream-figures";

/** How often the server is asked how it is, while somebody looks. */
const EVERY = 5000;

const WAYS = { websocket: "WebSocket", sse: "server-sent events", polling: "polling" };

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function words(): [string, string] {
  const { line, info } = app;
  if (info.value?.static) return ["chip", "· files"];
  if (line.value?.status === "live") return ["chip ledger", "▲ open"];
  if (line.value?.status === "waiting") return ["chip bad", `✕ broken, next try ${wait(app.untilRetry())}`];
  return ["chip", "○ connecting"];
}

function Mine() {
  const line = app.line.value;
  const [kind, text] = words();
  return (
    <section class="panel" aria-label="The line of this page">
      <h2>The line of this page <span class={kind} role="status">{text}</span></h2>
      {line ? (
        <dl class="pairs">
          <Fact name="way">{WAYS[line.way]}{line.way !== "websocket" && ", because a socket could not be opened"}</Fact>
          <Fact name="epoch"><code><Said text={line.epoch || "–"} /></code></Fact>
          <Fact name="offset"><code>{line.offset}</code></Fact>
          <Fact name="reconnects">{line.reconnects}</Fact>
          <Fact name="server"><Said text={line.shard} /></Fact>
          {line.why && <Fact name="broken because">{line.why}</Fact>}
        </dl>
      ) : <p class="muted">This page was exported: it reads files, and there is no line that could break.</p>}
      {line?.status === "waiting" && <button type="button" onClick={app.retry}>Try now</button>}
    </section>
  );
}

function Lag() {
  const { delays, received } = app.live;
  const counts = histogram(delays);
  const most = Math.max(1, ...counts);
  return (
    <section class="panel" aria-label="Delay of events">
      <h2>From event to page <small>{delays.length === 0 ? "" : `the last ${delays.length}`}</small></h2>
      <dl class="figures">
        <Fact name="p50">{millis(quantile(delays, 0.5))}</Fact>
        <Fact name="p99">{millis(quantile(delays, 0.99))}</Fact>
        <Fact name="heard">{received.toLocaleString("en")}</Fact>
      </dl>
      {delays.length === 0 ? <p class="muted">{received === 0 ? "No event came yet while this page listened." : "What came was from the future or long ago by the clock of this machine, so no delay can be told."} A delay is this clock against the event's time: it is as right as both.</p> : (
        <ol class="columns">{counts.map((count, i) => <li key={i}><b>{count}</b><i aria-hidden="true" style={{ height: `${Math.round((60 * count) / most)}px` }} /><span>{i < STEPS.length ? `≤${millis(STEPS[i])}` : "more"}</span></li>)}</ol>
      )}
    </section>
  );
}

function Gaps() {
  const gaps = app.line.value?.gaps ?? [];
  const { misfits, town } = app.live;
  return (
    <section class="panel" aria-label="Gaps and what did not fit">
      <h2>Gaps <small>{gaps.length}</small></h2>
      {gaps.length === 0 ? <p class="muted">None: every event came, in order.</p> : <ul class="plain">{gaps.slice().reverse().map((gap, i) => <li key={i}>✕ {gap.from} to {gap.to}, <Said text={gap.reason} />. The town was read anew.</li>)}</ul>}
      <h2>What did not fit <small>{misfits.length}</small></h2>
      {misfits.length === 0 ? <p class="muted">Every event fitted the state before it.</p> : <ul class="plain">{misfits.slice().reverse().map((one) => <li key={one.seq}>event {one.seq}, <Said text={one.type} />: <Said text={one.why} /></li>)}</ul>}
      <p class="muted">{Number(town.totals.unknown) === 0 ? "No event was of a type that this page does not know." : `Of types that this page does not know: ${town.totals.unknown}.`}</p>
    </section>
  );
}

function Fill({ name, now, most, show }: { name: string; now: number; most: number; show: (value: number) => string }) {
  const share = most > 0 ? Math.min(1, now / most) : 0;
  return (
    <div class="progress" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={most} aria-valuenow={now}>
      <span>{name} <b>{show(now)} of {show(most)}</b></span><i aria-hidden="true"><i style={{ width: `${100 * share}%` }} /></i>
    </div>
  );
}

function Health({ health }: { health: StreamInfo }) {
  const count = (value: number | undefined) => (value === undefined ? "–" : Number(value).toLocaleString("en"));
  const { ring } = health;
  return (
    <>
      <dl class="figures">
        <Fact name="witnesses">{count(health.witnesses)}</Fact>
        <Fact name="delivered">{count(health.delivered)}</Fact>
        <Fact name="published">{count(health.published)}</Fact>
        <Fact name="too slow">{count(health.lagged)}</Fact>
        <Fact name="relay behind git">{health.relay_lag_ms === null || health.relay_lag_ms === undefined ? "–" : millis(Number(health.relay_lag_ms))}</Fact>
        <Fact name="up for">{health.uptime_s === undefined ? "–" : duration(Number(health.uptime_s))}</Fact>
      </dl>
      {ring && (
        <>
          <Fill name="buffer, events" now={Number(ring.events)} most={Number(ring.cap_events)} show={count} />
          <Fill name="buffer, bytes" now={Number(ring.bytes)} most={Number(ring.cap_bytes)} show={bytes} />
          <p class="muted">The oldest event that can still be resumed after is <code>{ring.first}</code>.</p>
        </>
      )}
      <p class="muted">build <code><Said text={health.build ?? "unknown"} /></code></p>
    </>
  );
}

export function Stream() {
  const still = app.info.value?.static ?? false;
  const health = still ? undefined : app.health.want();
  useEffect(() => {
    if (still) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) void app.health.load();
    }, EVERY);
    return () => clearInterval(timer);
  }, [still]);
  return (
    <div class="page stream" tabIndex={0} role="region" aria-label="The stream">
      {app.past.value && <p class="notice">The line is that of now, whatever moment is shown. The live town goes on in the background, up to event {app.head()}.</p>}
      <div class="masonry">
        <Mine />
        <Lag />
        <section class="panel" aria-label="The server"><h2>The server {health?.state === "there" && <small>as of {stamp(app.health.at).slice(11)} UTC</small>}</h2>
          {health ? <Got of={health}>{(health) => <Health health={health} />}</Got> : <Empty title="There is no server">These are files on a host of files. <code>monkeytown serve</code> shows the town as it lives.</Empty>}
        </section>
        <Gaps />
      </div>
    </div>
  );
}

export default Stream;
