import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";

const FOLDER = new URL("page/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface PageFile {
  readonly bytes: Buffer;
  readonly type: string;
  readonly tag: string;
}

/** The files of the page. They are read once: no request names a path on the disk. */
export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>;

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  static async read(): Promise<PageFiles> {
    const files = new Map<string, PageFile>();
    for (const name of await readdir(FOLDER)) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const bytes = await readFile(new URL(name, FOLDER));
      const digest = createHash("sha256").update(bytes).digest("base64url");
      files.set(name, { bytes, type, tag: `"${digest.slice(0, 22)}"` });
    }
    return new PageFiles(files);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** Answers with a file; a browser that has it already gets nothing again. */
  send(name: string, request: IncomingMessage, response: ServerResponse): void {
    const file = this.#files.get(name);
    if (file === undefined) throw new Error(`The page has no file ${name}.`);
    const { bytes, type, tag } = file;
    const headers = { "content-type": type, etag: tag, "cache-control": "no-cache" };
    const known = request.headers["if-none-match"]?.split(",").some((one) => one.trim().replace(/^W\//, "") === tag);
    if (known) return void response.writeHead(304, headers).end();
    response.writeHead(200, { ...headers, "content-length": bytes.length }).end(bytes);
  }
}
