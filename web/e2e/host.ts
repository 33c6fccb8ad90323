// A host that hands out the files of an export and runs nothing, as any does; what it was asked for is written down.
import { createServer, type Server } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { AddressInfo } from "node:net";
import type { Town } from "./town";

const TYPES: { [extension: string]: string } = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".ndjson": "application/x-ndjson" };

export class Host {
  /** Paths below the export that were asked for. */
  asked: string[] = [];
  /** Those that were not there. */
  missing: string[] = [];

  private constructor(
    readonly folder: string,
    private readonly http: Server,
  ) {}

  /** Exports a town and hands it out. */
  static async of(town: Town): Promise<Host> {
    const folder = join(town.dir, "..", "export");
    town.run("export", folder);
    const host: Host = new Host(folder, createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://host");
      // Below a folder, as the page of a project is; it sends no header but the type.
      const path = pathname.startsWith("/town/") ? pathname.slice("/town/".length) : "../nowhere";
      host.asked.push(path);
      const file = join(folder, path === "" ? "index.html" : path);
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
        host.missing.push(`${request.method} ${request.url}`);
        return void response.writeHead(404).end("nothing here");
      }
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
    }));
    await new Promise<void>((resolve) => host.http.listen(0, "127.0.0.1", resolve));
    return host;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/town/`;
  }

  json<T>(path: string): T {
    return JSON.parse(readFileSync(join(this.folder, path), "utf8")) as T;
  }

  /** Forgets what it was asked for. */
  forget(): void {
    this.asked = [];
    this.missing = [];
  }

  end(): void {
    this.http.close();
  }
}
