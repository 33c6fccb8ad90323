// The Terrarium: the map, who lives there, the selected one's card, the feed and the small timeline; the map itself is src/world.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { seedOf } from "../world/hash";
import { worldModel } from "../world/model";
import type { TownLike, WorldModel } from "../world/types";
import { listOf } from "../world/words";
import { mountWorld, type WorldHandle } from "../world/world";
import { openPull } from "../fold/state";
import * as app from "../ui/app";
import { Face, Feed, Said, When, dollars, Empty } from "../ui/parts";
import { go, link, route } from "../ui/route";
import { MiniTimeline } from "./minitimeline";

const asList = signal(false);

function model(): WorldModel {
  const charters = app.agents.want();
  const specs = app.specs.want();
  return worldModel({
    town: app.town() as unknown as TownLike,
    charters: charters.state === "there" ? charters.value : undefined,
    changes: specs.state === "there" && !app.past.value ? specs.value.changes : undefined,
    recent: app.recent(200).map((entry) => entry.event),
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
    world.current?.update(shown, app.shownNow(), app.past.value ? (on && by === "time" ? speed : 0) : 1);
    world.current?.select(route.value.selected ?? undefined);
  });
  return <div class="map" ref={host} />;
}

/** The same as the map, in words. */
function List({ shown }: { shown: WorldModel }) {
  const rows = listOf(shown, app.shownNow());
  return (
    <div class="list" role="region" aria-label="The town as a list">
      <ul>
        {rows.map((row) => (
          <li key={row.id} data-source={row.source}>
            <button type="button" onClick={() => go({ selected: row.id })} aria-pressed={route.value.selected === row.id}>
              <b>{row.name}</b> <Said text={row.text} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Card({ id }: { id: string }) {
  const agent = app.town().agents[id];
  if (!agent) return <Empty title={id.replace("place:", "")}>{id.startsWith("place:") ? "A place of the town. Its number is on the map." : "Nobody of this name has run by this moment."}</Empty>;
  const pull = openPull(app.town(), id);
  const last = agent.runs.at(-1);
  return (
    <section class="card" aria-label="Selected resident">
      <div class="card-head">
        <Face id={id} size={72} />
        <div>
          <h2>{id}</h2>
          <span class="chip violet">{`${agent.merged} merged / ${agent.rejected} rejected`}</span>
          <p class="muted">{dollars(agent.cost_micros)} spent</p>
        </div>
      </div>
      <div class="now">
        <small>Now</small>
        {agent.paused ? <Said text={`paused by ${agent.paused.by}: ${agent.paused.reason}`} /> : agent.active ? (
          <>runs since <When at={agent.active.started} />, {agent.active.calls} calls of tools</>
        ) : pull ? <>waits at the gate with <a href={link("gate", `${pull.number}`)}>#{`${pull.number}`}</a> <Said text={pull.title} /></> : "sleeps until its next slot"}
      </div>
      {last && <div class="now"><small>Last run</small><Said text={last.reason} /> <When at={last.ended} /></div>}
      <a class="button" href={link("agents", id)}>All about {id}</a>
    </section>
  );
}

export default function Terrarium() {
  const shown = model();
  const { selected } = route.value;
  return (
    <div class="terrarium">
      <div class="stage">
        <button type="button" class="as-list" aria-pressed={asList.value} onClick={() => (asList.value = !asList.value)}>{asList.value ? "Map" : "List"}</button>
        {asList.value ? <List shown={shown} /> : <Map shown={shown} />}
        {shown.residents.length === 0 && <p class="clearing" role="status">An empty clearing. Nobody has run yet: `monkeytown run NAME` brings the first resident.</p>}
      </div>
      <MiniTimeline />
      <aside class="side">
        {selected && <Card id={selected} />}
        {!selected && <section class="card"><h2>{app.info.value?.name}</h2><p class="muted"><Said text={app.info.value?.description ?? ""} /></p><p>Select somebody on the map.</p></section>}
        <Feed entries={app.recent(60)} />
      </aside>
    </div>
  );
}
