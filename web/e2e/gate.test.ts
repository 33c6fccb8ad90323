// Promise: what waits at the gate is shown with all that a person needs to judge it, worst first.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";

const on = stage();

// covers: terrarium#the-gate-shows-what-a-verdict-needs/the-diff
test("the queue is walked by key, and each diff is what git says", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { page } = witness;
  await page.keyboard.press("3");
  const queue = page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  await expect.poll(() => queue.count()).toBe(on.town.pulls().filter((pull) => pull.state === "open").length);
  const numbers = (await queue.allInnerTexts()).map((text) => Number(/#(\d+)/.exec(text)?.[1]));
  for (const [nth, number] of numbers.entries()) {
    if (nth > 0) await page.keyboard.press("j");
    const article = page.getByRole("article", { name: `Pull request ${number}`, exact: true });
    await article.waitFor();
    const pull = on.town.pulls().find((one) => one.number === number);
    const added = on.town.git("diff", "--unified=0", `main...${pull?.head}`).split("\n").filter((line) => /^\+(?!\+\+)/.test(line)).map((line) => line.slice(1).trim());
    expect((await article.locator("td.line.add").allInnerTexts()).map((line) => line.replace(/^\+/, "").trim())).toEqual(added);
    await article.getByText("in its own paths").waitFor();
    // Each paragraph runs the way its own script does.
    await article.locator(".prose p[dir=auto]").first().waitFor();
    await article.getByText(/^✓ \d+ checks passed$/).waitFor();
  }
  await witness.end();
});

test("a file that was looked at is ticked by key, and stays so", async () => {
  const { number } = on.town.pull("chaostester");
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate/${number}`)).ready();
  const { page } = witness;
  await page.getByText("0 of 1 file seen").waitFor();
  await page.keyboard.press("x");
  await page.getByText("1 of 1 file seen").waitFor();
  await page.reload();
  await page.getByText("1 of 1 file seen").waitFor();
  await witness.end();
});

// covers: terrarium#the-gate-shows-what-a-verdict-needs/what-the-gate-refuses
test("what the gate refuses stands in front, and says why", async () => {
  const { number, head, branch } = { branch: "", ...on.town.pull("madchimp") };
  // Somebody pushes on an agent's branch what its agent does not own.
  on.town.git("checkout", "-q", "-B", "meddle", head);
  on.town.write("agents/madchimp.md", "---\nname: madchimp\n---\nI may do anything.\n");
  const tip = on.town.commit("Own everything");
  on.town.git("checkout", "-q", "main");
  on.town.git("update-ref", `refs/heads/${branch}`, tip);
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate`)).ready();
  const first = witness.page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button").first();
  await expect.poll(() => first.innerText()).toContain(`#${number}`);
  expect(await first.innerText()).toContain("high risk");
  const article = witness.page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.getByText("outside its own paths").waitFor();
  await article.getByText("people added commits").waitFor();
  // How large it is counts what people added, as a merge takes it along.
  const lines = on.town.git("diff", "--numstat", `main...${tip}`).split("\n").map((line) => line.split("\t").map(Number));
  const sum = (side: 0 | 1) => lines.reduce((all, line) => all + (line[side] ?? 0), 0);
  await article.getByText(`${lines.length} files, +${sum(0)} −${sum(1)}`, { exact: true }).waitFor();
  await article.locator(".facts .risk.high").filter({ hasText: "stays-in-own-paths" }).first().waitFor();
  await article.getByRole("region", { name: "agents/madchimp.md", exact: true }).waitFor();
  await witness.end();
});

test("a box that was ticked by mouse leaves the keys to the gate", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate`)).ready();
  const { page } = witness;
  const now = page.locator('.queue [aria-current="true"]');
  await page.getByRole("checkbox", { name: "seen" }).first().click();
  await witness.settled();
  const before = await now.innerText();
  await page.keyboard.press("j");
  await expect.poll(() => now.innerText()).not.toBe(before);
  await witness.end();
});

test("who walks by key sees the row and the title of what is shown", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate`, { viewport: { width: 1280, height: 420 } })).ready();
  const { page } = witness;
  const queue = page.locator(".queue button");
  await queue.first().waitFor();
  await witness.settled();
  for (let step = 1; step < await queue.count(); step += 1) {
    await page.locator("article.pull").evaluate((article) => (article.scrollTop = 9_999));
    await page.keyboard.press("j");
    await expect.poll(() => queue.nth(step).getAttribute("aria-current")).toBe("true");
    await witness.settled();
    for (const part of [queue.nth(step), page.locator("article.pull > header h2")]) {
      const box = await part.boundingBox();
      expect(box?.y).toBeGreaterThanOrEqual(0);
      expect((box?.y ?? 999) + (box?.height ?? 0)).toBeLessThanOrEqual(420);
    }
  }
  await witness.end();
});

test("one that was closed says who decided and why, and nothing that is empty", async () => {
  const { number } = on.town.pull("junglesecurity");
  on.town.run("pulls", "reject", `${number}`, "--reason", "wrong", "It is the example <b> of the manual");
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate/${number}`)).ready();
  const article = witness.page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.getByText(/^rejected by .+ as wrong$/).waitFor();
  await article.getByText("It is the example <b> of the manual").waitFor();
  expect(await article.getByText(/What it says|no checks known/).count()).toBe(0);
  await witness.page.evaluate(() => (location.hash = "#/gate/9999"));
  await witness.page.getByText("There is no pull request #9999").waitFor();
  await witness.end();
});

test("the sheet of keys keeps the keys to itself", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate`)).ready();
  const { page } = witness;
  await page.getByRole("button", { name: /^Split/ }).focus();
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keys" });
  await sheet.waitFor();
  expect(await witness.barriers()).toEqual([]);
  const address = page.url();
  for (const key of ["1", "j", "s", ","]) await page.keyboard.press(key);
  for (let turn = 0; turn < 4; turn += 1) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement?.closest("dialog"))).toBe(true);
  }
  expect(page.url()).toBe(address);
  await page.keyboard.press("Escape");
  await expect.poll(() => sheet.count()).toBe(0);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/^Split/);
  await witness.end();
});

test("a page that came without a token decides nothing, and says where one that may is had", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate`)).ready();
  const { page } = witness;
  await page.getByText("This page may look and not decide").waitFor();
  expect(await page.getByRole("button", { name: /^(Merge|Reject|Freeze)/ }).count()).toBe(0);
  for (const key of ["m", "r"]) await page.keyboard.press(key);
  expect(await page.getByRole("form").count()).toBe(0);
  await witness.end();
});

test("in a line that changed the words that differ are marked, and in one that is new none is", async () => {
  const { number, head, branch } = { branch: "", ...on.town.pull("simianresearcher") };
  const line = on.town.git("show", "main:README.md").split("\n").find((one) => /^\w+ \w+ \w+/.test(one)) ?? "";
  const word = /^\w+ (\w+)/.exec(line)?.[1] ?? "";
  on.town.git("checkout", "-q", "-B", "reword", head);
  on.town.write("README.md", on.town.git("show", "main:README.md").replace(line, line.replace(` ${word} `, ` ${word}x `)));
  on.town.git("update-ref", `refs/heads/${branch}`, on.town.commit("Say it better"));
  on.town.git("checkout", "-q", "main");
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate/${number}`)).ready();
  const file = witness.page.getByRole("region", { name: "README.md", exact: true });
  await file.locator("mark").first().waitFor();
  for (const layout of ["unified", "split"]) {
    expect([layout, await file.locator("td.line.del mark").allInnerTexts(), await file.locator("td.line.add mark").allInnerTexts()]).toEqual([layout, [word], [`${word}x`]]);
    await witness.page.keyboard.press("s");
    await expect.poll(() => file.locator("table.split").count()).toBe(layout === "unified" ? 1 : 0);
  }
  expect(await witness.page.locator('section.file:not([aria-label="README.md"]) mark').count()).toBe(0);
  await witness.end();
});

test("who may not decide here is led to the forge, where it has an address of the web", async () => {
  const main = on.town.git("rev-parse", "main");
  const offer = { head: main, base: main, body: "", files: 0, adds: 0, dels: 0, content: "" };
  const opened = (number: number, agent: string, url: string) => ({
    id: `forge-${number}`, type: "monkeytown.pull.opened.v1", subject: `pull/${number}`, actor: "system:run",
    data: { number, agent, run: `01M8E1NWF4E8EFDVS91E${`${number}`.padStart(6, "0")}`, branch: `agent/${agent}`, title: `Number ${number}`, url, ...offer },
  });
  on.town.record([opened(901, "forger", "https://forge.example/town/pull/901"), opened(902, "fibber", "javascript:alert(1)")]);
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/gate/901`)).ready();
  const { page } = witness;
  const link = page.getByRole("link", { name: "Decide on the forge" });
  await link.waitFor();
  expect([await link.getAttribute("href"), await link.getAttribute("target"), await link.getAttribute("rel")]).toEqual(["https://forge.example/town/pull/901", "_blank", "noopener noreferrer"]);
  await witness.show("gate/902");
  await page.getByText("This page may look and not decide").waitFor();
  expect([await link.count(), await page.locator('a[href^="javascript"]').count()]).toEqual([0, 0]);
  await witness.end();
});
