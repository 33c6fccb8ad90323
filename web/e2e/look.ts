// A real browser that looks at a town, and sees what must never happen there; the town itself lives in town.ts.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium, type Browser, type BrowserContextOptions, type Page, type Request } from "playwright-core";
import { expect } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What would be a mistake of the page, whatever the test is about. */
interface Trouble {
  what: string;
}

export class Witness {
  private readonly trouble: Trouble[] = [];
  private readonly asking = new Set<Request>();

  private constructor(
    readonly page: Page,
    /** Sees trouble that a test brings about itself, such as a server that is gone. */
    private readonly fine: RegExp | undefined,
  ) {}

  /** `before` has the page before anything of it runs. */
  static async open(browser: Browser, address: string, options: BrowserContextOptions & { fine?: RegExp; before?: (page: Page) => Promise<unknown> } = {}): Promise<Witness> {
    const { fine, before, ...rest } = options;
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...rest });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const witness = new Witness(page, fine);
    await witness.watch(new URL(address).origin);
    await before?.(page);
    await page.goto(address);
    return witness;
  }

  /** A script that ran, a policy that was broken, a request to somebody else: each is written down. */
  private async watch(origin: string): Promise<void> {
    const note = (what: string) => {
      if (!this.fine?.test(what)) this.trouble.push({ what });
    };
    await this.page.exposeFunction("__violated", (what: string) => note(`policy: ${what}`));
    await this.page.addInitScript(() => {
      const told = window as unknown as { __violated(what: string): void };
      document.addEventListener("securitypolicyviolation", (event) => told.__violated(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
      Object.defineProperty(window, "pwned", { set: () => told.__violated("a script of somebody else ran") });
    });
    this.page.on("dialog", (dialog) => {
      note(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    this.page.on("pageerror", (error) => note(`error: ${error.message}`));
    this.page.on("console", (message) => {
      if (message.type() === "error") note(`console: ${message.text()}`);
    });
    this.page.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.host !== new URL(origin).host) note(`request: ${url.href}`);
    });
    this.page.on("request", (request) => void (request.url().startsWith("http") && this.asking.add(request)));
    this.page.on("response", (response) => this.asking.delete(response.request()));
    this.page.on("requestfailed", (request) => this.asking.delete(request));
    this.page.on("popup", (popup) => note(`popup: ${popup.url()}`));
  }

  /** The line to the server is open and the town is shown. */
  async ready(): Promise<this> {
    await this.page.locator(".pill.live, .pill.replay, .pill.still").waitFor();
    await this.page.locator("main").filter({ hasText: /./, hasNotText: /Looking for the town|Reading the (town|past)/ }).waitFor();
    return this;
  }

  async text(selector = "body"): Promise<string> {
    return (await this.page.locator(selector).first().innerText()).replace(/\s+/g, " ");
  }

  /** Goes to a screen, and waits until it has all that it asks for. */
  async show(screen: string): Promise<void> {
    await this.page.evaluate((hash) => (location.hash = hash), `#/${screen}`);
    await this.settled();
  }

  /** Everything that was asked for is there and painted. */
  async settled(): Promise<void> {
    await this.page.locator("main").filter({ hasText: /./, hasNotText: /Opening|Reading/ }).waitFor();
    const frames = () => this.page.evaluate(() => new Promise<void>((next) => requestAnimationFrame(() => requestAnimationFrame(() => next()))));
    for (let calm = 0; calm < 2; calm += 1) {
      await expect.poll(() => this.asking.size, { timeout: 10_000 }).toBe(0);
      await frames();
    }
  }

  /** Number of the event that the page follows. */
  async seq(): Promise<number> {
    return Number(/event (\d+)/.exec(await this.text(".pill"))?.[1] ?? -1);
  }

  /** The town in words, which is all that the map shows; whether somebody has arrived yet depends on the moment, and is left out. */
  async list(): Promise<string[]> {
    const list = this.page.getByRole("region", { name: "The town as a list" });
    if (!(await list.isVisible())) await this.page.getByRole("button", { name: "List", exact: true }).click();
    await list.waitFor();
    return (await list.getByRole("listitem").allInnerTexts()).map((text) => text.replace(/ (walks to|is at) /, " is at or near "));
  }

  /** Findings of axe that keep somebody out. */
  async barriers(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(of: Document): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } };
      const { violations } = await axe.run(document);
      return violations.map(({ id, impact, nodes }) => ({ impact, text: `${id}: ${nodes.map((node) => node.html.slice(0, 160)).slice(0, 4).join(" | ")}` }));
    });
    return found.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ text }) => text);
  }

  /** Closes the page; fails where something happened that must not. */
  async end(): Promise<void> {
    await this.page.context().close();
    expect(this.trouble.map(({ what }) => what)).toEqual([]);
  }
}

/** Two pages come to show the same of everybody, once those who walk have arrived. */
export async function alike(one: Witness, other: Witness): Promise<void> {
  const differ = async () => {
    const [here, there] = [await one.list(), await other.list()].map((list) => list.join("\n"));
    return here === there ? "" : `${here}\n--\n${there}`;
  };
  await expect.poll(differ, { timeout: 60_000, interval: 300 }).toBe("");
}

/** What a page waits before it tries again is by chance; here chance is kind. */
export function hurried(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    crypto.getRandomValues = <T>(array: T): T => (array as Uint32Array).fill(2 ** 26) as T;
  });
}

export function browse(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}
