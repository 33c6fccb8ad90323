// Which column a change stands in, and what a verdict weighs; no markup lives here.
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

const GOOD = ["approved", "pass", "passed", "done", "archived"];
const BAD = ["needs-revision", "fail", "failed", "blocked"];

/** Whether a verdict lets through, holds back, or neither. */
export function weight(verdict: string): "good" | "bad" | "open" {
  return GOOD.includes(plain(verdict)) ? "good" : BAD.includes(plain(verdict)) ? "bad" : "open";
}
