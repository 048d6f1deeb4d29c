import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { atExit } from "../support/at-exit.ts";
import { chromiumFlags, findChromium, storageForms } from "../support/chromium.ts";
import { type Phone, phoneBy } from "../support/phone.ts";
import { identify, killTree, untilGone } from "../support/process-tree.ts";
import { scratchFolder } from "../support/scratch.ts";
import { standInPage } from "../support/stand-in/stand-in.ts";

/** The form of a site's storage. */
export type Form = "leveldb" | "sqlite";

/** The stand-in page in a browser of its own, without a client. */
export interface OpenPage {
  readonly phone: Phone;
  readonly pid: number;
  /** Closes the browser as a person does: it flushes its storage. Resolves when all its processes have ended. */
  close(): Promise<void>;
  /** Sends `kill -9`. Resolves when all its processes have ended. */
  kill(): Promise<void>;
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
  process(): ChildProcess | null;
}

interface Page {
  setRequestInterception(on: boolean): Promise<void>;
  on(event: "request", listener: (request: Request) => void): void;
  goto(url: string, options: { timeout: number }): Promise<unknown>;
  evaluate(code: string): Promise<unknown>;
}

interface Request {
  url(): string;
  respond(answer: object): Promise<void>;
  abort(): Promise<void>;
}

interface Puppeteer {
  launch(options: object): Promise<Browser>;
}

/** Limit of each step in milliseconds: a busy machine needs more than puppeteer's 30 seconds. */
const SLOW_MS = 180_000;

const fromClient = createRequire(createRequire(import.meta.url).resolve("whatsapp-web.js"));

const browsers = new Set<number>();
atExit(() => browsers.forEach(killTree));

let temporary: string | undefined;

/** Opens the stand-in page on the profile at `dir`, whose storage is, or is to be, of the form `form`. */
export async function openPage(dir: string, form: Form, more: readonly string[] = []): Promise<OpenPage> {
  const puppeteer = fromClient("puppeteer") as Puppeteer;
  const args = [...chromiumFlags(), ...storageForms[form === "sqlite" ? "SQLite" : "LevelDB"], ...more];
  // A browser that is killed leaves its sockets in the temp folder; on Linux, where paths are short, that is one of
  // ours.
  if (process.platform === "linux") temporary ??= scratchFolder("tmp-");
  const browser = await puppeteer.launch({
    executablePath: findChromium().executablePath,
    userDataDir: dir,
    headless: true,
    args,
    timeout: SLOW_MS,
    protocolTimeout: 300_000,
    // The browser ends when this end of the pipe does, however this process dies.
    pipe: true,
    env: { ...process.env, ...(temporary ? { TMPDIR: temporary } : {}) },
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const child = browser.process();
  if (child?.pid === undefined) throw new Error("The browser has no process.");
  const id = identify(child.pid);
  const { pid } = id;
  browsers.add(pid);
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  const body = standInPage();
  page.on("request", (request) => {
    const isSite = request.url().startsWith("https://web.whatsapp.com/");
    const done = isSite ? request.respond({ status: 200, contentType: "text/html", body }) : request.abort();
    done.catch(() => {});
  });
  await page.goto("https://web.whatsapp.com/", { timeout: SLOW_MS });
  const gone = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    browsers.delete(pid);
    // Chromium writes its storage in a process of its own, which may end after the first one.
    await untilGone(id);
  };
  return {
    phone: phoneBy((action, values) => {
      const list = values.map((value) => JSON.stringify(value)).join(",");
      return page.evaluate(`window.standIn[${JSON.stringify(action)}](${list})`);
    }),
    pid,
    close: async () => {
      await browser.close();
      await gone();
    },
    kill: async () => {
      const left = gone();
      killTree(id);
      await left;
    },
  };
}
