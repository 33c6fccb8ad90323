// Exports Ledger: what the town has spent, holds and owns, now and over time; the sums live in ledger-sums.ts.
import type { ComponentType } from "preact";
import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import "./screens.css";
import type { LedgerInfo } from "../ui/api";
import * as app from "../ui/app";
import { AgentLink, Empty, Got, Said, When, dollars, stamp } from "../ui/parts";
import { lookOf } from "../world/folk";
import { css } from "../world/palette";
import type { Series } from "./ledger-chart";
import { OTHERS, accounts, csv, overTime, runsUntil, sumsBy, type Account, type RunRow, type Sum } from "./ledger-sums";

type Chart = ComponentType<{ times: number[]; series: Series[] }>;
const chart = signal<Chart | string | null>(null);

function Lines({ runs, all }: { runs: RunRow[]; all: Account[] }) {
  useEffect(() => {
    if (typeof chart.peek() !== "function") import("./ledger-chart").then((module) => (chart.value = module.default), (error: Error) => (chart.value = error.message));
  }, []);
  const { times, series } = useMemo(() => overTime(runs, all), [runs, all]);
  const coloured = useMemo(() => series.map((one) => ({ ...one, colour: one.name === OTHERS ? "#b8b0cb" : css(lookOf(one.name).mark) })), [series]);
  const There = chart.value;
  const free = series.every((one) => one.values.every((value) => value === 0));
  return (
    <section class="panel" aria-label="Spent over time">
      <h2>Spent over time <small>{times.length > 0 && `${runs.length} runs until ${stamp((times.at(-1) ?? 0) * 1000)}`}</small></h2>
      {times.length === 0 || free ? <Empty title={free && runs.length > 0 ? "Nothing was spent" : "No run has ended yet"}>{free && runs.length > 0 ? "The brain of these runs costs nothing, so every line lies on the ground." : "The first one starts the line."}</Empty>
        : typeof There === "string" ? <Empty title="The lines could not be drawn">{There}</Empty>
          : There ? <There times={times} series={coloured} /> : <div class="chart" />}
      {!free && <ul class="legend">{coloured.map((one, i) => <li key={one.name}><i class={i % 2 ? "dashed" : ""} style={{ background: one.colour }} /><Said text={one.name} /> <b>{dollars((one.values.at(-1) ?? 0) * 1e6)}</b></li>)}</ul>}
    </section>
  );
}

function Verify({ ledger }: { ledger: LedgerInfo }) {
  const { verify } = ledger;
  if (!verify) return <span class="chip">not verified</span>;
  return (
    <span class={verify.ok ? "chip ledger" : "chip bad"} title={verify.head ?? undefined}>
      {verify.ok ? "▲ verified" : "✕ does not add up"} {verify.head && <code>{verify.head.slice(0, 10)}</code>} event {Number(verify.seq)}
    </span>
  );
}

function download(runs: RunRow[]): void {
  const url = URL.createObjectURL(new Blob([csv(runs)], { type: "text/csv" }));
  const anchor = Object.assign(document.createElement("a"), { href: url, download: `${(app.info.value?.name ?? "town").replace(/[^\w-]/g, "-")}-runs.csv` });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function Accounts({ all }: { all: Account[] }) {
  return (
    <section class="panel" aria-label="Accounts of the agents">
      <h2>Agents <small>spent and held at this moment</small></h2>
      <div class="wide" tabIndex={0} role="region" aria-label="Table of accounts"><table>
        <thead><tr><th scope="col">agent</th><th scope="col">spent</th><th scope="col">held</th><th scope="col">for each merged</th></tr></thead>
        <tbody>{all.map((one) => (
          <tr key={one.agent}><th scope="row"><AgentLink id={one.agent} /></th><td>{dollars(one.spent)}</td><td>{one.held > 0 ? dollars(one.held) : "–"}</td><td>{one.merged > 0 ? dollars(one.spent / one.merged) : "–"}</td></tr>
        ))}</tbody>
      </table></div>
    </section>
  );
}

function Balances({ ledger }: { ledger: LedgerInfo }) {
  const rows = ledger.balances.slice().sort((a, b) => Number(b.amount_m) - Number(a.amount_m));
  return (
    <section class="panel" aria-label="Balances">
      <h2>Balances <small>{app.past.value ? `as of event ${ledger.verify?.seq ?? "?"}, not of the moment shown` : "now"}</small></h2>
      {ledger.note && <p class="muted"><Said text={ledger.note} /></p>}
      {rows.length === 0 ? <Empty title="No accounts are kept" /> : <table><tbody>{rows.map((row) => <tr key={row.account}><th scope="row"><Said text={row.account} /></th><td class={Number(row.amount_m) < 0 ? "minus" : ""}>{(Number(row.amount_m) / 1000).toFixed(3)} a$</td></tr>)}</tbody></table>}
    </section>
  );
}

/** Bars of sums, each as long as its share of the largest. */
function Sums({ title, sums, empty }: { title: string; sums: Sum[]; empty: string }) {
  const most = Math.max(1, ...sums.map((sum) => sum.cost));
  return (
    <section class="panel" aria-label={title}>
      <h2>{title}</h2>
      {sums.length === 0 && <p class="muted">{empty}</p>}
      <ul class="bars">{sums.slice(0, 12).map((sum) => (
        <li key={sum.name}><Said text={sum.name} /><span class="muted">{dollars(sum.cost)} · {sum.runs === 1 ? "1 run" : `${sum.runs} runs`} · {sum.tokens.toLocaleString("en")} tokens</span><i aria-hidden="true" style={{ width: `${(100 * sum.cost) / most}%` }} /></li>
      ))}</ul>
      {sums.length > 12 && <p class="muted">and {sums.length - 12} more in the CSV</p>}
    </section>
  );
}

function Runs({ runs }: { runs: RunRow[] }) {
  const newest = runs.slice(-60).reverse();
  return (
    <section class="panel" aria-label="Cost of each run">
      <h2>Cost of each run <button type="button" disabled={runs.length === 0} onClick={() => download(runs)}>Download CSV</button></h2>
      {runs.length === 0 ? <Empty title="No run has ended yet" /> : (
        <div class="wide" tabIndex={0} role="region" aria-label="Table of runs"><table>
          <thead><tr><th scope="col">agent</th><th scope="col">outcome</th><th scope="col">model</th><th scope="col">tokens</th><th scope="col">cost</th><th scope="col">ended</th></tr></thead>
          <tbody>{newest.map((run) => <tr key={run.run}><th scope="row"><AgentLink id={run.agent} /></th><td><Said text={run.outcome} /></td><td><Said text={run.model ?? ""} /></td><td>{Number(run.tokens).toLocaleString("en")}</td><td>{dollars(run.cost_micros)}</td><td><When at={run.at} /></td></tr>)}</tbody>
        </table></div>
      )}
      {runs.length > newest.length && <p class="muted">The last {newest.length}; the CSV has {runs.length}.</p>}
    </section>
  );
}

function Told({ ledger }: { ledger: LedgerInfo }) {
  const town = app.town();
  const until = app.past.value ? app.shownNow() : Infinity;
  const { seq } = town;
  const runs = useMemo(() => runsUntil(ledger.runs, until), [ledger, app.past.value ? until : 0]);
  const all = useMemo(() => accounts(town), [town, seq]);
  const held = all.reduce((sum, one) => sum + one.held, 0);
  return (
    <>
      <section class="panel" aria-label="In all">
        <h2>In all <Verify ledger={ledger} /></h2>
        <dl class="figures">
          <div><dt>spent</dt><dd class="ledger">{dollars(town.totals.cost_micros)}</dd></div>
          <div><dt>held by runs</dt><dd>{dollars(held)}</dd></div>
          <div><dt>spent that day</dt><dd>{dollars(town.spent?.cost_micros ?? 0)}</dd></div>
          <div><dt>tokens</dt><dd>{Number(town.totals.tokens).toLocaleString("en")}</dd></div>
          <div><dt>runs</dt><dd>{`${town.totals.runs}`}<small> {`${town.totals.failed}`} failed</small></dd></div>
        </dl>
      </section>
      <Lines runs={runs} all={all} />
      <div class="halves"><Accounts all={all} /><Balances ledger={ledger} /></div>
      <div class="halves">
        <Sums title="Burn of each model" sums={sumsBy(runs, (run) => run.model || "unknown")} empty="No model was asked yet." />
        <Sums title="Flows" sums={sumsBy(runs, (run) => `${run.agent} → ${run.model || "unknown"}`)} empty="Nothing has flowed yet." />
      </div>
      <Runs runs={runs} />
    </>
  );
}

export function Ledger() {
  return <div class="page ledger-page"><Got of={app.ledger.want()}>{(ledger) => <Told ledger={ledger} />}</Got></div>;
}

export default Ledger;
