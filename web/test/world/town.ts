// A town for tests, lived by the real fold from a journal that a seed makes; no expectations live here.
import type { Envelope } from "../../src/fold/event";
import { apply } from "../../src/fold/fold";
import { copy, emptyTown, type Town } from "../../src/fold/state";
import { chance, hash } from "../../src/world/hash";

export const START = Date.UTC(2026, 0, 18, 9);
export const AGENTS = ["founderai", "madchimp", "monkeybuilder", "pm-validator", "simianresearcher"];

const OID = "0123456789abcdef0123456789abcdef01234567";

/** A journal with its moments in milliseconds and the state after each event. */
export interface Lived {
  readonly events: readonly Envelope[];
  readonly states: readonly Town[];
}

interface Life {
  run: number;
  pull: number | undefined;
  phase: number;
}

function runId(agent: number, run: number): string {
  return `01M8E1NWF4E8EFDVS91E${String(agent * 1000 + run).padStart(6, "0")}`;
}

function offer(number: number) {
  return { branch: "b", head: OID, base: OID, title: `proposal ${number}`, body: "", files: 1, adds: 1, dels: 0, content: "c", paths: ["a"] };
}

/** What an agent does next; the phases of a run follow one another, what comes in between is thrown. */
function step(agent: number, life: Life, dice: number, numbers: { next: number }): [string, object] {
  const name = AGENTS[agent] as string;
  const run = runId(agent, life.run);
  const own = { run, agent: name };
  switch (life.phase) {
    case 0:
      if (life.pull !== undefined && dice < 0.5) {
        const number = life.pull;
        life.pull = undefined;
        return dice < 0.3
          ? ["pull.merged", { number, by: "ana", commit: OID, seconds_open: 9 }]
          : ["pull.rejected", { number, by: "ana", reason: "wrong", text: "no", seconds_open: 9 }];
      }
      life.phase = 1;
      return ["run.started", { ...own, slot: `s${life.run}`, trigger: "manual", base: OID, start: OID, lease_until: 1, holder: "h", brain: "b" }];
    case 1:
      life.phase = 2;
      return ["run.step", { ...own, phase: "decide" }];
    case 2:
      life.phase = dice < 0.2 ? 5 : 3;
      return ["tool.called", { run, first: 0, calls: [] }];
    case 3:
      life.phase = 4;
      if (dice < 0.3) return ["gate.failed", { run, nth: 1, tree: OID, findings: [], total: 2 }];
      return ["run.proposed", { ...own, ...offer(numbers.next) }];
    case 4:
      life.phase = 5;
      if (life.pull !== undefined) return ["pull.updated", { number: life.pull, run, ...offer(life.pull) }];
      life.pull = numbers.next;
      numbers.next += 1;
      return ["pull.opened", { number: life.pull, ...own, ...offer(life.pull) }];
    default:
      life.phase = 0;
      life.run += 1;
      if (dice < 0.2) return ["run.failed", { ...own, kind: "brain", reason: "it gave up" }];
      return ["run.finished", { ...own, outcome: life.pull === undefined ? "nothing" : "opened", reason: "done", ...(life.pull === undefined ? {} : { pull: life.pull }) }];
  }
}

export function live(seed: number, count: number): Lived {
  const town = emptyTown();
  const lives: Life[] = AGENTS.map(() => ({ run: 1, pull: undefined, phase: 0 }));
  const numbers = { next: 1 };
  const events: Envelope[] = [];
  const states: Town[] = [];
  let at = START;
  for (let i = 0; i < count; i += 1) {
    // Bursts and pauses: most events come within seconds, some after minutes.
    const wait = chance(i, 1, seed);
    at += wait < 0.5 ? Math.floor(wait * 2000) : Math.floor(wait * 20_000);
    const agent = hash(i, 2, seed) % AGENTS.length;
    const [verb, data] = step(agent, lives[agent] as Life, chance(i, 3, seed), numbers);
    const event: Envelope = {
      specversion: "1.0", id: `event-${seed}-${i}`, type: `monkeytown.${verb}.v1`, source: "/towns/test", time: new Date(at).toISOString(), actor: "system:test", data,
    };
    events.push(event);
    const misfit = verb === "run.step" ? undefined : apply(town, event);
    if (misfit) throw new Error(misfit);
    states.push(copy(town));
  }
  return { events, states };
}
