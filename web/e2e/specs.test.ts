// Promise: specs and changes of the past are those that stood then, on their screen and on the map.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";

const on = stage();

interface Told {
  changes: { name: string; state: string }[];
  specs: { id: string }[];
}

/** Commits what was written, and waits until the stream has told it. */
async function land(subject: string): Promise<void> {
  on.town.commit(subject);
  await expect.poll(async () => JSON.stringify(await on.server.json("/api/events?after=0&limit=1000")), { timeout: 20_000 }).toContain(subject);
}

// covers: terrarium#the-past-can-be-walked-through/what-was-specified-then
test("a rewound page shows the changes and the specs of its moment, and live again those of now", async () => {
  const { town, server } = on;
  const before = await server.json<Told>("/api/specs");
  const seq = (town.state() as { seq: number }).seq;
  const folder = "openspec/changes/add-quay";
  town.write(`${folder}/proposal.md`, "# Quay\n");
  town.write(`${folder}/tasks.md`, "- [ ] 1.1 Build it\n");
  await land("Propose a quay");
  town.run("freeze", "--reason", "A pause");
  town.write("openspec/specs/quay/spec.md", "# Quay\n\n## Purpose\nBoats land.\n\n## Requirements\n\n### Requirement: Quay\nThere SHALL be one.\n\n#### Scenario: A boat\n- **WHEN** one comes\n- **THEN** it lands\n");
  town.write("openspec/changes/archive/2026-01-02-add-quay/proposal.md", "# Quay\n");
  town.git("rm", "-q", "-r", folder);
  await land("Archive the quay");
  town.run("thaw", "--reason", "Enough");

  const witness = await (await Witness.open(on.browser, server.origin)).ready();
  const { page } = witness;
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().includes("/api/specs?at=") && asked.push(request.url())));
  const open = before.changes.filter((change) => change.state !== "Archived").length;
  // A moment is that of its event, with all that landed before the next.
  const moments: [at: string, open: number, column: string | null, specs: number][] = [
    [`?at=${seq - 1}`, open, null, before.specs.length],
    [`?at=${seq}`, open + 1, "Draft", before.specs.length],
    [`?at=${seq + 1}`, open, "Archived", before.specs.length + 1],
    ["", open, "Archived", before.specs.length + 1],
  ];
  for (const [at, stones, column, specs] of moments) {
    for (const place of ["stones", "tower"]) {
      await page.evaluate((hash) => (location.hash = hash), `#/terrarium/place:${place}${at}`);
      await expect.poll(() => witness.text(".card .spent"), { message: `${place} ${at}` }).toMatch(new RegExp(`^${stones} ?changes`));
    }
    await page.evaluate((hash) => (location.hash = hash), `#/specs${at}`);
    await page.getByRole("region", { name: "Specs that hold" }).filter({ hasText: `Specs that hold ${specs}` }).waitFor();
    const columns = page.locator(".kanban section").filter({ hasText: "add-quay" });
    expect((await columns.locator("h2").allInnerTexts()).map((text) => text.replace(/\s*\d+$/, "").toLowerCase()), at).toEqual(column ? [column.toLowerCase()] : []);
  }
  // One question for each moment of the past, whichever screen asks.
  expect(asked.length).toBe(3);
  await witness.end();
});

test("while a moment is looked up no other one is shown", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/terrarium/place:stones?at=3`)).ready();
  const { page } = witness;
  await expect.poll(() => witness.text(".card .spent")).toMatch(/^\d+ ?changes/);
  let go: (() => void) | undefined;
  const held = new Promise<void>((done) => (go = done));
  await page.route("**/api/specs?at=*", async (route) => {
    await held;
    await route.continue();
  });
  await page.evaluate((hash) => (location.hash = hash), "#/terrarium/place:stones?at=9");
  await expect.poll(() => witness.text(".card .spent")).toMatch(/changes are being looked up/);
  go?.();
  await expect.poll(() => witness.text(".card .spent")).toMatch(/^\d+ ?changes/);
  await witness.end();
});
