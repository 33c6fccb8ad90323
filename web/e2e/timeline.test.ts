// Promise: how the past is played and what the lanes show is chosen on the timeline, and what is spent leaves the ledger as a table.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";

const on = stage();

interface Line {
  seq: number | null;
  event: { id: string; type: string; time: string };
}

/** All of history, commits in their places. */
async function history(): Promise<Line[]> {
  const text = await (await on.server.get("/api/history?from=0")).text();
  return text.trim().split("\n").map((line) => JSON.parse(line) as Line);
}

const look = async (hash: string) => (await Witness.open(on.browser, `${on.server.origin}/${hash}`)).ready();
const choose = (witness: Witness, name: RegExp, value: string) => witness.page.getByRole("combobox", { name }).selectOption(value);

test("the lanes have all events, each as wide as the other, or each at its time", async () => {
  const all = await history();
  const witness = await look("#/timeline");
  const marks = witness.page.locator(".lanes .track a.mark");
  await marks.first().waitFor();
  const places = async () => Object.fromEntries(await marks.evaluateAll((links) => links.map((link) => [(link.getAttribute("href") ?? "").slice(4), parseFloat((link as HTMLElement).style.left)])));
  const shown = all.filter(({ event }) => !/\.run\.(started|resumed|step|usage|proposed|finished)\./.test(event.type) || event.type.includes(".usage."));
  const times = all.map(({ event }) => Date.parse(event.time));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const wanted = (place: (nth: number) => number) => Object.fromEntries(shown.map((line) => [line.event.id, parseFloat((100 * place(all.indexOf(line))).toFixed(3))]));
  expect(await places()).toEqual(wanted((nth) => (nth + 0.5) / all.length));
  await choose(witness, /^Lanes/, "time");
  await expect.poll(places).toEqual(wanted((nth) => ((times[nth] ?? 0) - from) / (to - from)));
  await choose(witness, /^Lanes/, "event");
  await expect.poll(places).toEqual(wanted((nth) => (nth + 0.5) / all.length));
  await witness.end();
});

test("a kind that is switched off leaves the lanes, and comes back", async () => {
  const witness = await look("#/timeline");
  const { page } = witness;
  const kinds = page.getByRole("group", { name: "Kinds in the lanes" });
  const count = async (what: string) => page.locator(`.lanes .track ${what}`).count();
  await page.locator(".lanes .track a.mark").first().waitFor();
  for (const [name, what, other] of [["gate", "a.mark.gate", "a.bar-run"], ["runs", "a.bar-run", "a.mark.gate"]] as const) {
    const [before, beside] = [await count(what), await count(other)];
    expect(Math.min(before, beside)).toBeGreaterThan(0);
    const button = kinds.getByRole("button", { name: new RegExp(`${name}$`) });
    await button.click();
    await expect.poll(() => count(what)).toBe(0);
    expect([await button.getAttribute("aria-pressed"), await count(other)]).toEqual(["false", beside]);
    await button.click();
    await expect.poll(() => count(what)).toBe(before);
  }
  await witness.end();
});

test("the speed is one, wherever it is chosen, and counts events where the past is played by them", async () => {
  const witness = await look("#/timeline?at=3");
  const { page } = witness;
  const pressed = () => page.locator(".controls .speed[aria-pressed=true]").allInnerTexts();
  const speed = page.getByRole("combobox", { name: /^Speed/ });
  await expect.poll(() => speed.inputValue()).toBe("60");
  await speed.selectOption("3600");
  await expect.poll(pressed).toContain("1 h/s");
  expect(await pressed()).not.toContain("60×");
  await speed.selectOption("600");
  await expect.poll(pressed).not.toContain("1 h/s");
  await choose(witness, /^Play/, "event");
  await expect.poll(() => speed.locator("option").first().innerText()).toBe("0.5 events/s");
  const loop = page.getByRole("button", { name: "Loop" });
  await loop.click();
  await expect.poll(() => loop.getAttribute("aria-pressed")).toBe("true");
  // A quick speed is one of time.
  await page.getByRole("button", { name: "1×", exact: true }).click();
  await expect.poll(() => speed.inputValue()).toBe("1");
  expect(await page.getByRole("combobox", { name: /^Play/ }).inputValue()).toBe("time");
  await witness.end();
});

test("the CSV of the ledger has every run that the page knows, oldest first, and of the past no later one", async () => {
  const { runs } = await on.server.json<{ runs: { run: string; at: string }[] }>("/api/ledger");
  const wanted = runs.slice().sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).map(({ run }) => run);
  const witness = await look("#/ledger");
  const { page } = witness;
  const rows = async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download CSV" }).click()]);
    expect(download.suggestedFilename()).toMatch(/^[\w-]+-runs\.csv$/);
    const [head, ...lines] = readFileSync(await download.path(), "utf8").trim().split("\r\n");
    expect(head).toBe("at,agent,run,model,outcome,tokens,cost_usd");
    return lines.map((line) => line.split(",")[2]);
  };
  expect(await rows()).toEqual(wanted);
  const ended = (await history()).filter(({ event }) => event.type === "monkeytown.run.finished.v1");
  await witness.show(`ledger?at=${ended[2]?.seq}`);
  await expect.poll(() => witness.seq()).toBe(ended[2]?.seq);
  expect(await rows()).toEqual(wanted.slice(0, 3));
  await witness.end();
});
