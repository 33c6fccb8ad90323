// Exports Specs: changes in the columns of their states with the evidence of their gates, and the specs that hold; columns come from specs-columns.ts.
import "./screens.css";
import type { SpecInfo } from "../ui/api";
import * as app from "../ui/app";
import { AgentLink, Empty, Got, Said, When } from "../ui/parts";
import { go, route } from "../ui/route";
import { COLUMNS, columnOf, weight, type Change } from "./specs-columns";

const SIGNS = { good: "✓", bad: "✕", open: "○" };

function Progress({ name, ok, total }: { name: string; ok: number; total: number }) {
  return (
    <div class="progress">
      <span>{name} <b>{total === 0 ? "none" : `${ok}/${total}`}</b></span>
      <i aria-hidden="true"><i style={{ width: `${total === 0 ? 0 : (100 * Math.min(ok, total)) / total}%` }} /></i>
    </div>
  );
}

function Card({ change }: { change: Change }) {
  const open = route.value.selected === change.name;
  const { gates, tasks, scenarios } = change;
  const beside = columnOf(change.state) === change.state ? null : change.state;
  return (
    <li class={open ? "change open" : "change"}>
      <button type="button" aria-expanded={open} onClick={() => go({ selected: open ? null : change.name })}><Said text={change.name} /></button>
      {beside && <span class={weight(beside) === "bad" ? "chip bad" : "chip"}>{beside}</span>}
      {change.archived === null || tasks.total > 0 ? <><Progress name="scenarios" ok={Number(scenarios.ok)} total={Number(scenarios.total)} /><Progress name="tasks" ok={Number(tasks.done)} total={Number(tasks.total)} /></> : null}
      {change.archived && <p class="muted">archived {change.archived.slice(0, 10)}</p>}
      {!open && gates.length > 0 && <p class="gates" aria-label="Gates">{gates.slice(-8).map((gate, i) => <span key={i} class={weight(gate.verdict)} title={`${gate.name}: ${gate.verdict}`}>{SIGNS[weight(gate.verdict)]}</span>)}</p>}
      {open && (
        <div class="evidence">
          {change.next && <p>Next: <Said text={change.next} /></p>}
          {(change.capabilities ?? []).length > 0 && <p class="muted">It changes <Said text={(change.capabilities ?? []).join(", ")} />.</p>}
          {gates.length === 0 ? <p class="muted">No gate has looked at it{app.past.value ? " by this moment" : ""}.</p> : <ol>{gates.map((gate, i) => {
            const agent = gate.actor?.startsWith("agent:") ? gate.actor.slice(6) : null;
            return (
              <li key={i}>
                <span class={weight(gate.verdict)} aria-hidden="true">{SIGNS[weight(gate.verdict)]}</span> <b><Said text={gate.name} /></b> <Said text={gate.verdict} />{gate.counts === false && " (does not count)"}
                <span class="muted">{agent ? <AgentLink id={agent} /> : <Said text={gate.actor ?? ""} />} {gate.at && <When at={gate.at} />} {gate.number !== undefined && <code>{`${gate.number}`.padStart(3, "0")}</code>}</span>
              </li>
            );
          })}</ol>}
        </div>
      )}
    </li>
  );
}

function Columns({ changes }: { changes: Change[] }) {
  return (
    <div class="kanban">
      {COLUMNS.map((column) => {
        const here = changes.filter((change) => columnOf(change.state) === column);
        return (
          <section key={column} aria-label={`${column}, ${here.length} changes`}>
            <h2>{column} <small>{here.length}</small></h2>
            {here.length === 0 ? <p class="none">–</p> : <ul>{here.map((change) => <Card key={change.name} change={change} />)}</ul>}
          </section>
        );
      })}
    </div>
  );
}

function Holding({ specs }: { specs: SpecInfo["specs"] }) {
  return (
    <section class="panel" aria-label="Specs that hold">
      <h2>Specs that hold <small>{specs.length}</small></h2>
      {specs.length === 0 ? <p class="muted">None yet. A change that is archived brings the first one.</p> : (
        <div class="wide" tabIndex={0} role="region" aria-label="Table of specs"><table>
          <thead><tr><th scope="col">spec</th><th scope="col">requirements</th><th scope="col">scenarios</th><th scope="col">tests name</th></tr></thead>
          <tbody>{specs.map((spec) => <tr key={spec.id}><th scope="row"><Said text={spec.id} /></th><td>{Number(spec.requirements)}</td><td>{Number(spec.scenarios)}</td><td>{spec.covered === undefined ? "–" : Number(spec.covered)}</td></tr>)}</tbody>
        </table></div>
      )}
    </section>
  );
}

export function Specs() {
  return (
    <div class="page specs">
      <Got of={app.specsShown()}>
        {({ changes, specs }) => (
          <>
            {changes.length === 0 ? <Empty title="No change is proposed">A folder below <code>openspec/changes</code> is the beginning of one; <code>monkeytown spec new</code> makes it.</Empty>
              : <Columns changes={changes} />}
            <Holding specs={specs} />
          </>
        )}
      </Got>
    </div>
  );
}

export default Specs;
