import { createRequire } from "node:module";
import { chromiumFlags, findChromium, storageForms } from "../support/chromium.ts";
import { type Phone, phoneBy } from "../support/phone.ts";
import { killTree } from "../support/process-tree.ts";
import { scratchFolder } from "../support/scratch.ts";
import { standInPage } from "../support/stand-in/stand-in.ts";

/** The form of a site's storage. */
export type Form = "leveldb" | "sqlite";

/** The stand-in page in a browser of its own, without a client. */
export interface OpenPage {
  readonly phone: Phone;
  readonly pid: number;
  /** As a person closes it: what is to be flushed is. */
  close(): Promise<void>;
  /** `kill -9`, and what is left of it is waited for. */
  kill(): Promise<void>;
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
  process(): { pid?: number; exitCode: number | null; once(event: "exit", listener: () => void): void } | null;
}

interface Page {
  setRequestInterception(on: boolean): Promise<void>;
  on(event: "request", listener: (request: Request) => void): void;
  goto(url: string): Promise<unknown>;
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

const fromClient = createRequire(createRequire(import.meta.url).resolve("whatsapp-web.js"));

const browsers = new Set<number>();
process.once("exit", () => browsers.forEach(killTree));

let temporary: string | undefined;

/** Opens the stand-in page on the profile at `dir`, whose storage is, or is to be, of the form `form`. */
export async function openPage(dir: string, form: Form, more: readonly string[] = []): Promise<OpenPage> {
  const puppeteer = fromClient("puppeteer") as Puppeteer;
  const args = [...chromiumFlags(), ...storageForms[form === "sqlite" ? "SQLite" : "LevelDB"], ...more];
  // A browser that is killed leaves its sockets in the temp folder; on Linux, where paths are short, that is one of ours.
  if (process.platform === "linux") temporary ??= scratchFolder("tmp-");
  const browser = await puppeteer.launch({
    executablePath: findChromium().executablePath,
    userDataDir: dir,
    headless: true,
    args,
    protocolTimeout: 120_000,
    // The browser ends when this end of the pipe does, however this process dies.
    pipe: true,
    env: { ...process.env, ...(temporary ? { TMPDIR: temporary } : {}) },
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const pid = browser.process()?.pid ?? 0;
  browsers.add(pid);
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  const body = standInPage();
  page.on("request", (request) => {
    const isSite = request.url().startsWith("https://web.whatsapp.com/");
    const done = isSite ? request.respond({ status: 200, contentType: "text/html", body }) : request.abort();
    done.catch(() => {});
  });
  await page.goto("https://web.whatsapp.com/");
  const gone = async (): Promise<void> => {
    const child = browser.process();
    if (child && child.exitCode === null) await new Promise<void>((resolve) => child.once("exit", resolve));
    browsers.delete(pid);
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
      killTree(pid);
      await left;
    },
  };
}
