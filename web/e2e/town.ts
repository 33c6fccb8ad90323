// A real town in a folder of its own, the real program in it, and its server; the browser lives in look.ts.
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** The program under test; scripts/test builds it and says where it is. */
export const PROGRAM = process.env["MONKEYTOWN"] ?? join(import.meta.dirname, "../../target/debug/monkeytown");

const JOURNAL = "refs/heads/monkeytown/journal";

/** When the work on an old repository began, in seconds. */
export const FIRST_DAY = 1_200_000_000;

export interface Event {
  id: string;
  type: string;
  subject: string;
  actor: string;
  data: unknown;
}

export interface Pull {
  number: number;
  agent: string;
  head: string;
  state: string;
  [field: string]: unknown;
}

export class Server {
  private constructor(
    private readonly child: ChildProcess,
    /** The address as the program printed it, with its token where it has one. */
    readonly printed: string,
  ) {}

  /** Starts the server and waits for its address. */
  static async start(town: Town, port = 0, ...more: string[]): Promise<Server> {
    const child = spawn(PROGRAM, ["-C", town.dir, "serve", "--listen", `127.0.0.1:${port}`, "--requests", "1000", "--connections", "500", ...more], {
      env: town.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (text) => (said += text));
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const printed = await new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        const found = /http:\/\/\S+/.exec(line)?.[0];
        if (found) resolve(found);
      });
      child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
    });
    return new Server(child, printed);
  }

  get origin(): string {
    return new URL(this.printed).origin;
  }

  get port(): number {
    return Number(new URL(this.printed).port);
  }

  async get(path: string): Promise<Response> {
    return fetch(new URL(path, this.origin));
  }

  async json<T>(path: string): Promise<T> {
    return (await (await this.get(path)).json()) as T;
  }

  end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.child.on("exit", () => resolve());
      this.child.kill(signal);
    });
  }
}

export class Town {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  private readonly servers: Server[] = [];

  private constructor(private readonly root: string) {
    this.dir = join(root, "town");
    const who = { NAME: "Ada Gate", EMAIL: "ada@example.invalid" };
    this.env = {
      PATH: process.env["PATH"],
      HOME: root,
      TMPDIR: root,
      LANG: "C.UTF-8",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: who.NAME,
      GIT_AUTHOR_EMAIL: who.EMAIL,
      GIT_COMMITTER_NAME: who.NAME,
      GIT_COMMITTER_EMAIL: who.EMAIL,
    };
  }

  /** A town that somebody else makes below this folder. */
  static at(root: string): Town {
    return new Town(root);
  }

  /** The town of `monkeytown demo`, after its first day: eight pull requests wait, since a moment where one is given. */
  static demo(at?: Date): Town {
    const town = new Town(mkdtempSync(join(tmpdir(), "terrarium-")));
    const env = at ? { ...town.env, MONKEYTOWN_NOW: at.toISOString() } : town.env;
    execFileSync(PROGRAM, ["demo", "--dir", town.dir], { env, stdio: ["ignore", "pipe", "pipe"] });
    return town;
  }

  /** A town where nobody has run yet. */
  static empty(): Town {
    const town = new Town(mkdtempSync(join(tmpdir(), "terrarium-")));
    mkdirSync(town.dir);
    town.git("init", "-q", "-b", "main");
    town.write("README.md", "# Quiet\n");
    town.commit("Begin");
    town.run("init");
    town.commit("Make it a town");
    return town;
  }

  /** A town in a repository that was worked in for years before it became one: so many commits, a day apart, then one run, or none yet. */
  static old(commits: number, runs = true): Town {
    const town = new Town(mkdtempSync(join(tmpdir(), "terrarium-")));
    mkdirSync(town.dir);
    town.git("init", "-q", "-b", "main");
    const first = FIRST_DAY;
    const stream = Array.from({ length: commits }, (_, nth) => {
      const [subject, text] = [`Work of day ${nth + 1}`, `${nth + 1}\n`];
      return `commit refs/heads/main\ncommitter Ada <ada@example.invalid> ${first + nth * 86_400} +0000\ndata ${subject.length}\n${subject}\nM 644 inline diary.txt\ndata ${text.length}\n${text}\n`;
    });
    execFileSync("git", ["-C", town.dir, "fast-import", "--quiet"], { env: town.env, input: stream.join(""), stdio: ["pipe", "ignore", "inherit"] });
    town.git("reset", "-q", "--hard");
    town.run("init");
    town.commit("Make it a town");
    if (runs) town.run("run", "chaostester", "--brain", "embedded");
    return town;
  }

  /** Runs the program, and returns what it printed. */
  run(...args: string[]): string {
    const done = spawnSync(PROGRAM, ["-C", this.dir, ...args], { env: this.env, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`monkeytown ${args.join(" ")} ended with ${done.status}: ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  git(...args: string[]): string {
    return execFileSync("git", ["-C", this.dir, ...args], { env: this.env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  write(path: string, text: string): void {
    const file = join(this.dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  commit(message: string): string {
    this.git("add", "-A");
    this.git("commit", "-q", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  /** The town as the program folds it anew from the journal. */
  state(): unknown {
    return JSON.parse(this.run("state", "--json"));
  }

  pulls(): Pull[] {
    return Object.values((this.state() as { pulls: { [number: string]: Pull } }).pulls);
  }

  pull(agent: string): Pull {
    const found = this.pulls().find((pull) => pull.agent === agent && pull.state === "open");
    if (!found) throw new Error(`no pull request of ${agent} is open`);
    return found;
  }

  /** Writes events into the journal as another program could: a commit with a line for each. */
  record(events: Event[]): void {
    const told = this.git("log", "-1", "--format=%B", JOURNAL);
    const number = (name: string) => Number(new RegExp(`^Journal-${name}: (\\d+)$`, "m").exec(told)?.[1]);
    const source = /"source":"([^"]+)"/.exec(told)?.[1] ?? "/towns/x";
    const time = new Date().toISOString();
    const lines = events.map(({ id, type, subject, actor, data }) => JSON.stringify({ specversion: "1.0", id, type, source, subject, time, actor, data }));
    const trailers = [`Journal-Seq: ${number("Seq") + events.length}`, `Journal-Commit: ${number("Commit") + 1}`, "Journal-Format: 1"];
    const message = `test: ${events.length} events\n\n${lines.join("\n")}\n\n${trailers.join("\n")}\n`;
    const tip = this.git("rev-parse", JOURNAL);
    const made = execFileSync("git", ["-C", this.dir, "commit-tree", `${tip}^{tree}`, "-p", tip, "-F", "-"], { env: this.env, input: message, encoding: "utf8" });
    this.git("update-ref", JOURNAL, made.trim(), tip);
  }

  /** Serves it; `more` are options of `monkeytown serve`. */
  async serve(port = 0, ...more: string[]): Promise<Server> {
    const server = await Server.start(this, port, ...more);
    this.servers.push(server);
    return server;
  }

  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
    rmSync(this.root, { recursive: true, force: true });
  }
}
