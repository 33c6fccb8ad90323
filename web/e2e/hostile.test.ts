// Promise: what agents and strangers write stays text: no script of theirs runs, nothing is fetched from elsewhere, the policy holds.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Event, type Server } from "./town";

/** Each must stay what it is: text that says it. None holds a line break, since titles and file names have to hold them. */
const CORPUS = [
  "<script>pwned=1;alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "\"><svg onload=alert(1)>",
  "'><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
  "[click](javascript:alert(1))",
  "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "![pixel](https://evil.example/pixel.png)",
  "<a href=\"&#106;avascript:alert(1)\">click</a>",
  "<style>@import 'https://evil.example/x.css';*{display:none}</style>",
  "<base href=//evil.example/><form action=//evil.example><input name=x autofocus onfocus=alert(1)></form>",
  "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
  "<object data=//evil.example/x.swf></object><embed src=//evil.example><link rel=stylesheet href=//evil.example/x.css>",
  "{{constructor.constructor('alert(1)')()}} ${alert(1)}",
  "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
  "</textarea></script></style></title><script>alert(1)</script>",
  "<x contenteditable onblur=alert(1) tabindex=1 id=app>__proto__",
];

let browser: Browser;
let town: Town;
let server: Server;

/** Commits a file with a hostile name on an agent's branch, and opens a pull request for it in the journal. */
function propose(agent: string, number: number, say: string): Event[] {
  const base = town.git("rev-parse", "main");
  const branch = `agent/${agent}`;
  town.git("checkout", "-q", "-B", branch, "main");
  // A file's name holds everything but a slash.
  const path = `docs/${say.replaceAll("/", "\u2215").slice(0, 100)}.md`;
  town.write(path, `${CORPUS.join("\n")}\n`);
  const head = town.commit(say);
  town.git("checkout", "-q", "main");
  const run = `01M8EHQJT7NF4JPR1YYGX${String(number).padStart(5, "0")}`;
  const data = { number, agent, run, branch, head, base, title: say, body: CORPUS.join("\n\n"), paths: [path], files: 1, adds: CORPUS.length, dels: 0 };
  return [
    { id: `hostile-pull-${number}`, type: "monkeytown.pull.opened.v1", subject: `pull/${number}`, actor: `agent:${agent}`, data },
    { id: `hostile-comment-${number}`, type: "monkeytown.pull.commented.v1", subject: `pull/${number}`, actor: `human:${say}`, data: { number, by: say, text: say, forge_id: number } },
  ];
}

function posts(): Event[] {
  return CORPUS.flatMap((say, nth) => {
    const post = `issue-${900 + nth}`;
    return [
      { id: `hostile-post-${nth}`, type: "monkeytown.post.published.v1", subject: `post/${post}`, actor: "human:mallory", data: { post, author: say, title: say, body: `${say}\n\n${CORPUS.join("\n\n")}`, tags: [say] } },
      { id: `hostile-reply-${nth}`, type: "monkeytown.post.replied.v1", subject: `post/${post}`, actor: "human:mallory", data: { post, author: say, body: say, forge_id: 5000 + nth } },
    ];
  });
}

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  const agents = ["chaostester", "junglesecurity", "madchimp"];
  for (const agent of agents) town.run("pulls", "reject", `${town.pull(agent).number}`, "--reason", "wrong", CORPUS[1] as string);
  town.record(agents.flatMap((agent, nth) => propose(agent, 20 + nth, CORPUS[[0, 2, 9][nth] as number] as string)));
  for (const say of CORPUS) {
    town.write("docs/diary.md", `${say}\n`);
    town.git("add", "-A");
    town.git("-c", `user.name=${say.replaceAll(/[<>]/g, "")}`, "commit", "-q", "-m", say);
  }
  // An event's limit is 16 KiB: the posts go in several commits.
  const all = posts();
  for (let at = 0; at < all.length; at += 4) town.record(all.slice(at, at + 4));
  server = await town.serve();
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

test.each(["terrarium", "timeline", "gate", "board", "ledger", "specs", "agents", "stream"])("nothing of it runs on the screen %s", async (screen) => {
  const witness = await (await Witness.open(browser, `${server.origin}/#/${screen}`)).ready();
  await witness.settled();
  expect(await witness.page.locator("main :is(script, style, iframe, object, embed, base, link, meta, img, svg use)").count()).toBe(0);
  expect(await witness.page.locator("a[href]").evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).protocol).filter((one) => !/^https?:$/.test(one)))).toEqual([]);
  await witness.end();
});

// covers: terrarium#what-others-write-stays-text/a-corpus-of-attacks
test("each open pull request of theirs is shown as text, with its diff", async () => {
  for (const number of [20, 21, 22]) {
    const { title } = town.pulls().find((pull) => pull.number === number) as unknown as { title: string };
    const witness = await (await Witness.open(browser, `${server.origin}/#/gate/${number}`)).ready();
    const article = witness.page.getByRole("article", { name: `Pull request ${number}` });
    await article.waitFor();
    expect(await article.getByRole("heading").first().innerText()).toBe(`#${number} ${title}`);
    // Every line of the file stands in the diff as it was written, unified and side by side.
    for (const key of ["", "s"]) {
      if (key) await witness.page.keyboard.press(key);
      const lines = (await article.locator("td.line.add").allInnerTexts()).map((line) => line.replace(/^\+/, "").trim());
      expect(lines).toEqual(CORPUS.map((line) => line.trim()));
    }
    await witness.settled();
    await witness.end();
  }
});

// covers: terrarium#what-others-write-stays-text/invisible-characters
test("what nobody can see is named in a diff, a title and Markdown", async () => {
  const override = "\u202E";
  town.run("pulls", "reject", `${town.pull("primatedesigner").number}`, "--reason", "other", "Room for another");
  const [opened, commented] = propose("primatedesigner", 23, `plain${override}nialp`);
  town.record([{ ...(opened as Event), data: { ...(opened as { data: object }).data, body: `It says abc${override}cba\n\n- [x] done` } }, commented as Event]);
  const witness = await (await Witness.open(browser, `${server.origin}/#/gate/23`)).ready();
  const article = witness.page.getByRole("article", { name: "Pull request 23" });
  await article.locator(".prose .hidden-char").waitFor();
  expect(await article.locator(".prose .hidden-char").innerText()).toBe("U+202E");
  expect(await article.getByRole("heading").first().innerText()).toContain("U+202E");
  expect(await article.innerText()).not.toContain(override);
  expect(await witness.barriers()).toEqual([]);
  await witness.end();
});

// covers: terrarium#what-others-write-stays-text/a-corpus-of-attacks
test("the feed says them letter by letter as they arrive", async () => {
  const witness = await (await Witness.open(browser, server.origin)).ready();
  for (const [nth, say] of CORPUS.entries()) {
    town.record([{ id: `late-${nth}`, type: "monkeytown.post.published.v1", subject: `post/late-${nth}`, actor: "human:mallory", data: { post: `late-${nth}`, author: "mallory", title: say, body: say } }]);
  }
  const feed = witness.page.getByRole("region", { name: "Village feed" });
  await feed.locator(`[data-event="late-${CORPUS.length - 1}"]`).waitFor();
  for (const [nth, say] of CORPUS.entries()) {
    const row = await feed.locator(`[data-event="late-${nth}"]`).innerText();
    expect(row.replace(/\s+/g, " ")).toContain(say.slice(0, 12).replace(/\s+/g, " "));
  }
  await witness.end();
});

test("the policy forbids what the page never does", async () => {
  const header = (await server.get("/")).headers.get("content-security-policy") ?? "";
  for (const rule of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) expect(header).toContain(rule);
  const witness = await (await Witness.open(browser, server.origin, { fine: /policy|Content Security Policy|Trusted/ })).ready();
  const refused = await witness.page.evaluate(() => {
    try {
      document.createElement("div").innerHTML = "<b>x</b>";
      return "";
    } catch (error) {
      return (error as Error).name;
    }
  });
  expect(refused).toBe("TypeError");
  const inline = await witness.page.evaluate(() => {
    try {
      document.createElement("img").setAttribute("onerror", "alert(1)");
      return "";
    } catch (error) {
      return (error as Error).name;
    }
  });
  expect(inline).toBe("TypeError");
  await witness.end();
});
