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
  await article.locator(".facts .risk.high").filter({ hasText: "stays-in-own-paths" }).first().waitFor();
  await article.getByRole("region", { name: "agents/madchimp.md", exact: true }).waitFor();
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
