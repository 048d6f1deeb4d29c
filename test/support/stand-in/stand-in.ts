import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "../scratch.ts";

/** The WhatsApp Web version the page says it is. */
const webVersion = "2.3000.1099999999";
const parts = ["storage.js", "credentials.js", "chain.js", "modules.js", "main.js"];
const partPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What the page is made of, which lies beside this module: absolute paths. */
export const standInFiles: readonly string[] = ["page.html", ...parts].map(partPath);

/** What `new Client(…)` must be given so that it loads the stand-in. */
export interface StandInOptions {
  webVersion: string;
  webVersionCache: { type: "local"; path: string; strict: true };
}

/** The state that the page found when it was loaded. */
export interface Verdict {
  /** The credentials are there, whole, and of one version. */
  linked: boolean;
  /** Why not. */
  reason?: string;
  wid?: string;
  /** How often a linked page was loaded before. */
  loads?: number;
  /** `ok`, or `broken at n`. */
  chain?: string;
  lastSequence?: number;
  lastHash?: string;
  /** Records by which another database is ahead of the chain; null: it follows another history. */
  checkpointAhead?: number | null;
  /** The same of Local Storage. It may be behind, since Chromium writes it late, never ahead. */
  localStorageAhead?: number | null;
  localStorageSequence?: number;
  blobs?: number;
  missingBlobs?: number;
  messages?: number;
  badMessages?: number;
}

/** The page as one HTML text. */
export function standInPage(): string {
  const read = (name: string) => readFileSync(partPath(name), "utf8");
  // A function as replacement: a text would have its `$` read as patterns.
  return read("page.html").replace("<!-- scripts -->", () =>
    parts.map((name) => `<script type="module">\n${read(name)}</script>`).join("\n"),
  );
}

let options: StandInOptions | undefined;

/** Writes the page where whatsapp-web.js looks for it; once per process, removed when that ends. */
export function standInOptions(): StandInOptions {
  if (options) return options;
  const path = scratchFolder("stand-in-");
  writeFileSync(join(path, `${webVersion}.html`), standInPage());
  options = { webVersion, webVersionCache: { type: "local", path, strict: true } };
  return options;
}

/** The little of puppeteer's `Page` that {@link answerEverything} needs. */
export interface DevtoolsPage {
  createCDPSession(): Promise<DevtoolsSession>;
}

interface DevtoolsSession {
  send(method: string, parameters?: object): Promise<unknown>;
  on(event: string, listener: (event: { requestId: string; request: { url: string } }) => void): unknown;
}

/**
 * Answers the addresses of web.whatsapp.com that whatsapp-web.js lets through to the network (`/?post_logout=1`) with
 * the stand-in, by a second DevTools session, so that nothing leaves the machine and its own interception stays as it
 * is.
 */
export async function answerEverything(page: DevtoolsPage): Promise<void> {
  const session = await page.createCDPSession();
  const body = Buffer.from(standInPage()).toString("base64");
  session.on("Fetch.requestPaused", ({ requestId }) => {
    const responseHeaders = [{ name: "Content-Type", value: "text/html; charset=utf-8" }];
    // The page may be gone by now.
    session.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body }).catch(() => {});
  });
  await session.send("Fetch.enable", { patterns: [{ urlPattern: "https://web.whatsapp.com/?*" }] });
}
