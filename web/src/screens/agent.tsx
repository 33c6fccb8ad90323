// Exports AgentPage: everybody who lives here, or one of them wholly; what is worked out about it lives in agent-facts.ts.
import "./screens.css";
import { agentsInOrder, type Agent, type Ended } from "../fold/state";
import type { AgentInfo, LedgerInfo } from "../ui/api";
import * as app from "../ui/app";
import { AgentLink, Empty, Face, Feed, Prose, Said, When, dollars, stamp } from "../ui/parts";
import { link, route } from "../ui/route";
import { agentOf } from "../ui/sentence";
import { nameOf } from "../world/model";
import { accountOf, pullsOf, sourceOf, standing, type Standing } from "./agent-facts";

/** What its charter says and the settings of now say of it, where that holds: of the past nobody knows. */
const ofNow = (charter: AgentInfo | undefined) => (app.past.value ? undefined : charter);

/** What its charter says, where it could be fetched. */
function charterOf(id: string): AgentInfo | undefined {
  const all = app.agents.want();
  return all.state === "there" ? all.value.find((one) => one.name === id) : undefined;
}

function ledger(): LedgerInfo | undefined {
  const all = app.ledger.want();
  return all.state === "there" ? all.value : undefined;
}

function State({ agent, charter }: { agent: Agent; charter: AgentInfo | undefined }) {
  if (agent.paused ?? charter?.paused) return <span class="chip bad">✕ paused</span>;
  return agent.active ? <span class="chip run">● running</span> : <span class="chip">○ resting</span>;
}

function Everybody() {
  const town = app.town();
  const charters = app.agents.want();
  const idle = charters.state === "there" && !app.past.value ? charters.value.filter((one) => !(one.name in town.agents)) : [];
  const all = agentsInOrder(town);
  if (all.length + idle.length === 0) return <Empty title="Nobody lives here yet">A charter in agents/ and its first run bring the first resident.</Empty>;
  return (
    <ul class="people">
      {all.map(([id, agent]) => (
        <li key={id}><a href={link("agents", id)}>
          <Face id={id} size={56} />
          <span><b><Said text={nameOf(id)} /></b><small><Said text={charterOf(id)?.description ?? id} /></small><State agent={agent} charter={ofNow(charterOf(id))} /> <small>{`◆ ${agent.merged} merged · ✕ ${agent.rejected} rejected · ${dollars(agent.cost_micros)}`}</small></span>
        </a></li>
      ))}
      {idle.map((one) => <li key={one.name}><a href={link("agents", one.name)}><Face id={one.name} size={56} /><span><b><Said text={nameOf(one.name)} /></b><small><Said text={one.description} /></small><span class="chip">has not run yet</span></span></a></li>)}
    </ul>
  );
}

function Tier({ stand }: { stand: Standing }) {
  const { tier, next, balance } = stand;
  return (
    <section class="panel" aria-label="Tier">
      <h2>Tier <span class={tier ? "chip open" : "chip"}>{tier ? `${tier.number} ${tier.name}` : "none"}</span></h2>
      {balance !== null && <p class={balance < 0 ? "big minus" : "big"}>{balance.toFixed(2)} a$</p>}
      {next && (
        <div class="progress" role="meter" aria-label={`Distance to ${next.name}`} aria-valuemin={0} aria-valuemax={next.at} aria-valuenow={Math.max(0, balance ?? 0)}>
          <span>{next.name} from {next.at} a$ <b>{next.missing.toFixed(2)} a$ missing</b></span><i aria-hidden="true"><i style={{ width: `${Math.min(100, Math.max(0, (100 * (balance ?? 0)) / next.at))}%` }} /></i>
        </div>
      )}
      <ul class="reasons">{stand.reasons.map((reason) => <li key={reason}><Said text={reason} /></li>)}</ul>
      <p class={stand.mayRun ? "" : "minus"}>{stand.mayRun ? "✓ may run" : "✕ may not run"}</p>
    </section>
  );
}

function Charter({ id, own, charter }: { id: string; own: string[] | undefined; charter: AgentInfo | undefined }) {
  const owns = (app.past.value ? own : charter?.owns) ?? own ?? [];
  return (
    <section class="panel" aria-label="Charter">
      <h2>Charter {app.past.value && <small>persona as of now, paths as of this moment</small>}</h2>
      <dl class="pairs">
        <div><dt>owns</dt><dd>{owns.length === 0 ? "nothing" : <ul class="paths">{owns.map((path) => <li key={path}><code><Said text={path} /></code></li>)}</ul>}</dd></div>
        {charter && (
          <>
            <div><dt>runs</dt><dd>{charter.schedule ? <code>{charter.schedule.cron} {charter.schedule.timezone ?? "UTC"}</code> : "when it is asked to"}</dd></div>
            {charter.next_slot && !charter.paused && !app.past.value && <div><dt>next slot</dt><dd>{stamp(Date.parse(charter.next_slot))} UTC</dd></div>}
            <div><dt>model</dt><dd><code><Said text={charter.model ?? "inherit"} /></code></dd></div>
            <div><dt>tools</dt><dd>{charter.tools.length === 0 ? "all that the town offers" : charter.tools.join(", ")}</dd></div>
          </>
        )}
      </dl>
      {charter ? <details open><summary>Persona</summary><Prose text={charter.persona} /></details> : <p class="muted">{app.agents.value.value.state === "failed" ? "The charter could not be read." : `No charter on the default branch describes ${id} now.`}</p>}
    </section>
  );
}

function Memory({ charter }: { charter: AgentInfo | undefined }) {
  const until = app.past.value ? app.shownNow() : Infinity;
  const memories = (charter?.memories ?? []).filter((one) => !(Date.parse(one.at) > until)).reverse();
  return (
    <section class="panel" aria-label="Memory">
      <h2>Memory <small>{memories.length}</small></h2>
      {memories.length === 0 ? <p class="muted">It remembers nothing{app.past.value ? " from before this moment" : " yet"}.</p> : (
        <ul class="memories">{memories.map((one) => (
          <li key={one.id}>
            <p><Said text={one.text} /></p>
            <span class="muted"><Said text={one.kind} /> · <When at={one.at} /> · importance {Number(one.importance)}
              {one.based_on.map((source) => {
                const href = sourceOf(source);
                return <span key={source}> · {href ? <a href={href}>{source.length > 14 ? `${source.slice(0, 12)}…` : source}</a> : <Said text={source} />}</span>;
              })}
            </span>
          </li>
        ))}</ul>
      )}
    </section>
  );
}

const GOOD = ["opened", "updated"];

function Runs({ runs, costs }: { runs: Ended[]; costs: Map<string, number> }) {
  return (
    <section class="panel" aria-label="Runs">
      <h2>Runs <small>the last {runs.length}</small></h2>
      {runs.length === 0 ? <p class="muted">None has ended.</p> : (
        <div class="wide" tabIndex={0} role="region" aria-label="Table of runs"><table>
          <thead><tr><th scope="col">outcome</th><th scope="col">why</th><th scope="col">pull</th><th scope="col">cost</th><th scope="col">took</th><th scope="col">ended</th></tr></thead>
          <tbody>{runs.slice().reverse().map((run) => (
            <tr key={run.run}>
              <th scope="row">{GOOD.includes(run.outcome) ? "✓ " : run.outcome === "failed" || run.outcome === "expired" ? "✕ " : "· "}{run.outcome}</th>
              <td class="long"><Said text={run.reason} /></td>
              <td>{run.pull === undefined ? "–" : <a href={link("gate", `${run.pull}`)}>{`#${run.pull}`}</a>}</td>
              <td>{costs.has(run.run) ? dollars(costs.get(run.run) ?? 0) : "–"}</td>
              <td>{Math.max(0, Math.round((Date.parse(run.ended) - Date.parse(run.started)) / 1000))} s</td>
              <td><When at={run.ended} /></td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </section>
  );
}

const STATES = { open: "□ open", merged: "◆ merged", rejected: "✕ rejected" };

function Pulls({ id }: { id: string }) {
  const pulls = pullsOf(id, app.town());
  return (
    <section class="panel" aria-label="Pull requests">
      <h2>Pull requests <small>{pulls.length}</small></h2>
      {pulls.length === 0 ? <p class="muted">It has proposed nothing.</p> : (
        <ul class="memories">{pulls.slice(0, 30).map((pull) => (
          <li key={`${pull.number}`}>
            <p><a href={link("gate", `${pull.number}`)}>{`#${pull.number}`}</a> <Said text={pull.title} /> <span class={`chip ${pull.state}`}>{STATES[pull.state]}</span></p>
            {pull.verdict && <span class="muted">by <Said text={pull.verdict.by} />{pull.verdict.reason && `, ${pull.verdict.reason}`}{pull.verdict.text && <>: <Said text={pull.verdict.text} /></>} · <When at={pull.verdict.at} /></span>}
          </li>
        ))}</ul>
      )}
    </section>
  );
}

function One({ id }: { id: string }) {
  const town = app.town();
  const agent = town.agents[id];
  const charter = charterOf(id);
  if (!agent && (!charter || app.past.value)) return <Empty title={id}>{app.past.value ? "It had not run by this moment." : "Nobody of this name lives here."}</Empty>;
  const money = ledger();
  const costs = new Map((money?.runs ?? []).map((run) => [run.run, Number(run.cost_micros)]));
  const stand = agent && standing(id, agent, town, app.recent(500), app.past.value ? null : accountOf(id, money?.balances ?? []), app.shownNow(), ofNow(charter));
  return (
    <article class="agent-page" aria-label={nameOf(id)}>
      <header class="panel hero">
        <span class="portrait"><Face id={id} size={72} /></span>
        <div><h2><Said text={nameOf(id)} /></h2><p class="muted"><Said text={charter?.description ?? id} /></p>{agent ? <State agent={agent} charter={ofNow(charter)} /> : <span class="chip">has not run yet</span>}</div>
        {agent && (
          <dl class="figures">
            <div><dt>merged</dt><dd class="gate-tone">{`◆ ${agent.merged}`}</dd></div>
            <div><dt>rejected</dt><dd class="minus">{`✕ ${agent.rejected}`}</dd></div>
            <div><dt>spent</dt><dd class="ledger">{dollars(agent.cost_micros)}</dd></div>
          </dl>
        )}
      </header>
      <div class="masonry">
        {stand && <Tier stand={stand} />}
        <Charter id={id} own={agent?.owns} charter={charter} />
        <Pulls id={id} />
        <Memory charter={charter} />
      </div>
      {agent && <Runs runs={agent.runs} costs={costs} />}
      <section class="panel"><Feed title="What it did last" entries={app.recent(500).filter((entry) => agentOf(entry.event) === id).slice(-20)} /></section>
    </article>
  );
}

export function AgentPage() {
  const { selected } = route.value;
  return (
    <div class="page agents">
      {selected && <nav class="crumbs" aria-label="Agents"><a href={link("agents")}>← everybody</a> {agentsInOrder(app.town()).map(([id]) => id !== selected && <AgentLink key={id} id={id} />)}</nav>}
      {selected ? <One key={selected} id={selected} /> : <Everybody />}
    </div>
  );
}

export default AgentPage;
