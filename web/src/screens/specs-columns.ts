// Which column a change stands in, now and at a moment of the past; no markup lives here.
import type { SpecInfo } from "../ui/api";

export type Change = SpecInfo["changes"][number];

export const COLUMNS = ["Draft", "Approved", "In Progress", "Validation", "Completed", "Archived"] as const;
export type Column = (typeof COLUMNS)[number];

/** States without a column of their own stand where their work does, and say so. */
const BESIDE: { [state: string]: Column } = { "Needs Revision": "Draft", Blocked: "In Progress", Superseded: "Archived", Withdrawn: "Archived" };

export function columnOf(state: string): Column {
  return COLUMNS.find((one) => one === state) ?? (Object.hasOwn(BESIDE, state) ? BESIDE[state] : undefined) ?? "Draft";
}

const plain = (text: string) => text.toLowerCase().replace(/[_ ]/g, "-");

/** One step of the lifecycle: a gate's record, and the state that it leads to. */
function after(state: string, gate: string, verdict: string, passed: Set<string>): string {
  switch (`${gate} ${verdict}`) {
    case "architect approved": return "Approved";
    case "architect needs-revision": return "Needs Revision";
    case "implement in-progress": return "In Progress";
    case "implement blocked": return "Blocked";
    case "implement done": return "Validation";
    case "archive archived": return "Archived";
    case "close superseded": return "Superseded";
    case "close withdrawn": return "Withdrawn";
    default:
  }
  if (gate !== "pm" && gate !== "test") return state;
  if (verdict === "fail") return "In Progress";
  return passed.has("pm") && passed.has("test") ? "Completed" : state;
}

/** The change as its gate records say that it was at a moment. Its files are known as they are now only. */
export function changeAt(change: Change, moment: number): Change {
  const gates = change.gates.filter((one) => one.at && Date.parse(one.at) <= moment);
  let state = "Draft";
  const passed = new Set<string>();
  for (const { name, verdict } of gates) {
    const [gate, said] = [plain(name), plain(verdict)];
    if (said === "pass") passed.add(gate);
    // A change that goes back to work has to pass again.
    else passed.clear();
    state = after(state, gate, said, passed);
  }
  const archived = change.archived !== null && Date.parse(change.archived) <= moment ? change.archived : null;
  return { ...change, gates, archived, state: archived === null ? state : "Archived" };
}

const GOOD = ["approved", "pass", "passed", "done", "archived"];
const BAD = ["needs-revision", "fail", "failed", "blocked"];

/** Whether a verdict lets through, holds back, or neither. */
export function weight(verdict: string): "good" | "bad" | "open" {
  return GOOD.includes(plain(verdict)) ? "good" : BAD.includes(plain(verdict)) ? "bad" : "open";
}
