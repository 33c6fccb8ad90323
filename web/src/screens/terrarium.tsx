// The Terrarium: the map, who lives there, the selected one's card, the feed and the small timeline; the map itself is src/world.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { seedOf } from "../world/hash";
import { worldModel } from "../world/model";
import type { CharterLike, Resident, WorldModel } from "../world/types";
import { standing } from "../world/walk";
import { PLACE, listOf } from "../world/words";
import { mountWorld, type WorldHandle } from "../world/world";
import { openPull, type Agent } from "../fold/state";
import type { AgentInfo } from "../ui/api";
import * as app from "../ui/app";
import { Face, Feed, Said, When, dollars, Empty } from "../ui/parts";
import { isWriting } from "../ui/keys";
import { go, link, route, type Screen } from "../ui/route";
import { hiddenBy, many } from "../ui/sentence";
import { MiniTimeline } from "./minitimeline";

const asList = signal(false);

/** What a charter says holds live; of the past it gives no more than who there is, so that everybody keeps a place. */
function asOf(charter: AgentInfo): CharterLike {
  return app.past.value ? { name: charter.name, description: charter.description } : charter;
}

function model(): WorldModel {
  const charters = app.agents.want();
  const specs = app.specsShown();
  return worldModel({
    town: app.town(),
    world: app.info.value?.world,
    charters: charters.state === "there" ? charters.value.map(asOf) : undefined,
    changes: specs.state === "there" ? specs.value.changes : specs.state === "failed" ? specs.why : "changes are being looked up",
    recent: app.recent(200).map((entry) => entry.event),
    hides: (post) => !!hiddenBy(post),
    now: app.shownNow(),
    seed: seedOf(app.info.value?.name ?? "town"),
  });
}

function Map({ shown }: { shown: WorldModel }) {
  const host = useRef<HTMLDivElement>(null);
  const world = useRef<WorldHandle | undefined>(undefined);
  useEffect(() => {
    if (!host.current) return undefined;
    const handle = mountWorld(host.current, { onSelect: (id) => go({ selected: id ?? null }) });
    world.current = handle;
    return () => handle.destroy();
  }, []);
  useEffect(() => {
    const { on, by, speed } = app.replay?.playing ?? { on: false, by: "time", speed: 0 };
    world.current?.update(shown, app.shownNow(), app.past.value ? (on && by === "time" ? speed : 0) : 1, !app.past.value);
    world.current?.select(route.value.selected ?? undefined);
  });
  return <div class="map" ref={host} />;
}

/** Ticks while the list is looked at. */
const second = signal(0);

/** The same as the map, in words. Who walks there walks on here, between events too. */
function List({ shown }: { shown: WorldModel }) {
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) second.value += 1;
    }, 1_000);
    return () => clearInterval(timer);
  }, []);
  void second.value;
  const rows = listOf(shown, app.shownNow());
  return (
    <div class="list" role="region" aria-label="The town as a list">
      <ul>
        {rows.map((row) => (
          <li key={row.kind === "thing" ? row.source : row.id} data-source={row.source}>
            <button type="button" onClick={() => go({ selected: row.id })} aria-pressed={row.kind === "thing" ? undefined : route.value.selected === row.id}>
              <b><Said text={row.name} /></b><Said text={row.text.startsWith(row.name) ? row.text.slice(row.name.length) : row.text} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Verdicts({ agent }: { agent: Agent }) {
  const [merged, rejected] = [Number(agent.merged), Number(agent.rejected)];
  const all = Math.max(1, merged + rejected);
  return (
    <>
      <div class="bar" role="img" aria-label={`${merged} merged, ${rejected} rejected`}>
        <i class="merged" style={{ width: `${(100 * merged) / all}%` }} /><i class="rejected" style={{ width: `${(100 * rejected) / all}%` }} />
      </div>
      <p class="legend"><span><i class="merged" />{merged} merged</span><span><i class="rejected" />{rejected} rejected</span><span>{many(agent.runs.length, "run")} kept</span></p>
    </>
  );
}

function Now({ id, agent, resident }: { id: string; agent: Agent; resident: Resident | undefined }) {
  const pull = openPull(app.town(), id);
  if (agent.paused) return <><Said text={`paused by ${agent.paused.by}: ${agent.paused.reason}`} /> <When at={agent.paused.since} /></>;
  if (agent.active) return <>a run, {agent.active.calls} calls of tools, since <When at={agent.active.started} /> <code><Said text={agent.active.brain} /></code></>;
  if (pull) return <>waits at the gate with <a href={link("gate", `${pull.number}`)}>#{`${pull.number}`}</a> <Said text={pull.title} />, since <When at={pull.reopened_at ?? pull.opened_at} /></>;
  if (!resident) return null;
  const { activity, reason, since } = standing(resident, app.shownNow());
  return <><Said text={reason} />{activity !== "halted" && since > 0 && <>, since <When at={new Date(since).toISOString()} /></>}</>;
}

/** What it remembers last, as its charter says. */
function Remembers({ id }: { id: string }) {
  const charters = app.agents.want();
  const memory = charters.state === "there" && !app.past.value ? charters.value.find((one) => one.name === id)?.memories.at(-1) : undefined;
  if (!memory) return null;
  return <div class="now"><small>Remembers</small>“<Said text={memory.text} />” <span class="muted">{memory.kind}{memory.based_on.length > 1 ? `, from ${memory.based_on.length}` : ""}</span></div>;
}

function Card({ id, shown }: { id: string; shown: WorldModel }) {
  const agent = app.town().agents[id];
  if (!agent) return <Empty title={id}>Nobody of this name has run by this moment.</Empty>;
  const resident = shown.residents.find((one) => one.id === id);
  const last = agent.runs.at(-1);
  return (
    <section class="card" aria-label="Selected resident">
      <div class="card-head">
        <span class="portrait"><Face id={id} size={72} /></span>
        <div>
          <h2><bdi>{resident?.name ?? id}</bdi></h2>
          <p class="role"><Said text={resident?.role || id} /></p>
          {agent.active ? <span class="chip run">● running</span> : resident?.kept?.startsWith("is") ? <span class="chip bad">✕ paused</span> : <span class="chip">{openPull(app.town(), id) ? "□ waiting" : "○ resting"}</span>}
        </div>
        <button type="button" class="close" aria-label="Select nobody" onClick={() => go({ selected: null })}>✕</button>
      </div>
      <p class="spent"><b>{dollars(agent.cost_micros)}</b><span>spent, {agent.started_today === 1 ? "1 run" : `${agent.started_today} runs`} on its last day</span></p>
      <Verdicts agent={agent} />
      <div class="now"><small>Now</small><Now id={id} agent={agent} resident={resident} /></div>
      {last && <div class="now"><small>Last run: {last.outcome}</small><Said text={last.reason} /> <When at={last.ended} /></div>}
      <Remembers id={id} />
      <a class="more" href={link("agents", id)}>All about {resident?.name ?? id}</a>
    </section>
  );
}

/** A landmark: its number, and who lives there. */
function PlaceCard({ id, shown }: { id: string; shown: WorldModel }) {
  const place = shown.landmarks.find((one) => PLACE + one.id === id);
  if (!place) return <Empty title="There is no such place" />;
  const here = shown.residents.filter((one) => one.home === place.id);
  return (
    <section class="card" aria-label="Selected place">
      <div class="card-head"><div><h2>{place.name}</h2><p class="role">{place.domain}</p></div><button type="button" class="close" aria-label="Select nothing" onClick={() => go({ selected: null })}>✕</button></div>
      <p class="spent"><b>{place.count ?? "–"}</b><span>{place.count === null ? place.words : place.words.replace(/^\S+ /, "")}</span></p>
      {here.length > 0 && <ul class="here">{here.map((one) => <li key={one.id}><a href={link("terrarium", one.id)}><Face id={one.id} size={24} /> <bdi>{one.name}</bdi></a></li>)}</ul>}
      {SCREEN_OF[place.id] && <a class="more" href={link(SCREEN_OF[place.id] ?? "terrarium")}>Open {place.name}</a>}
    </section>
  );
}

/** Which screen tells more about a place. */
const SCREEN_OF: { [place: string]: Screen } = { gate: "gate", board: "board", bank: "ledger", stones: "specs", tower: "specs", hall: "agents", library: "agents", tree: "timeline" };

function TownCard() {
  const { agents, totals } = app.town();
  const { info } = app;
  return (
    <section class="card" aria-label="The town">
      <h2><bdi>{info.value?.name}</bdi></h2>
      <p class="role"><Said text={info.value?.description ?? ""} /></p>
      {info.value?.world?.trouble && <p class="role" role="status">The usual map is shown: <Said text={info.value.world.trouble} /></p>}
      <dl class="sums">
        <div><dt>residents</dt><dd>{Object.keys(agents).length}</dd></div>
        <div><dt>runs</dt><dd>{`${totals.runs}`}</dd></div>
        <div><dt>merged</dt><dd>{`${totals.merged}`}</dd></div>
        <div><dt>rejected</dt><dd>{`${totals.rejected}`}</dd></div>
      </dl>
      <p class="role">Select somebody on the map, or a place.</p>
    </section>
  );
}

const sheet = signal(false);

export default function Terrarium() {
  const shown = model();
  const { selected } = route.value;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !isWriting(event) && route.peek().selected) go({ selected: null });
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);
  return (
    <div class="terrarium">
      <div class="stage">
        {asList.value ? <List shown={shown} /> : <Map shown={shown} />}
        <button type="button" class="as-list" aria-pressed={asList.value} onClick={() => (asList.value = !asList.value)}>{asList.value ? "Map" : "List"}</button>
        {shown.residents.length === 0 && <p class="clearing" role="status">{app.past.value ? "An empty clearing: nobody had run by this moment." : <>An empty clearing. Nobody has run yet: <code>monkeytown run NAME</code> brings the first resident.</>}</p>}
      </div>
      <MiniTimeline />
      <aside class={sheet.value ? "side open" : "side"} aria-label="Details and feed">
        <button type="button" class="handle" aria-expanded={sheet.value} onClick={() => (sheet.value = !sheet.value)}><i aria-hidden="true" />{sheet.value ? "Less" : "More"}</button>
        {!selected ? <TownCard /> : selected.startsWith(PLACE) ? <PlaceCard id={selected} shown={shown} /> : <Card id={selected} shown={shown} />}
        <Feed entries={app.recent(60)} />
      </aside>
    </div>
  );
}
