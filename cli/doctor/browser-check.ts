import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { isSnap } from "../../lib/browser/snap.ts";
import { safeMessage } from "../../lib/errors.ts";
import { installedBrowser } from "../link/find-browser.ts";
import type { Check } from "./check.ts";
import { installedPackage } from "./package-facts.ts";

/** How long a browser may take to tell its version, in milliseconds. */
const LIMIT_MS = 20_000;
const NAME = "Chromium";

interface FoundBrowser {
  readonly path: string;
  /** Who says so. */
  readonly by: string;
}

/** The browser that puppeteer would start, and others that are installed. Only whatsapp-web.js needs one. */
export async function browserChecks(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Check[]> {
  const isNeeded = installedPackage("whatsapp-web.js", folder) !== undefined;
  const { PUPPETEER_EXECUTABLE_PATH: named } = env;
  if (named !== undefined && named !== "") {
    if (existsSync(named)) return [await checkOf({ path: named, by: "PUPPETEER_EXECUTABLE_PATH" }, signal)];
    const found = `PUPPETEER_EXECUTABLE_PATH is ${named}, where no file is`;
    return [{ level: "bad", name: NAME, found, todo: "Correct the variable, or unset it." }];
  }
  const own = await ofPuppeteer(folder);
  if (own && existsSync(own)) return [await checkOf({ path: own, by: "puppeteer's own" }, signal)];
  const installed = installedBrowser(process.platform, env);
  if (installed) {
    const check = await checkOf({ path: installed, by: "installed" }, signal);
    if (!isNeeded || check.level !== "good") return [check];
    const todo = `Puppeteer does not find it by itself: set PUPPETEER_EXECUTABLE_PATH to ${installed}, or give \`puppeteer: { executablePath }\` to the client.`;
    return [{ ...check, level: "warning", todo }];
  }
  if (!isNeeded) return [{ level: "good", name: NAME, found: "none, and a bot on Baileys needs none" }];
  const where = own === undefined ? "" : `; puppeteer expects it at ${own}`;
  return [
    {
      level: "bad",
      name: NAME,
      found: `whatsapp-web.js needs a browser, and none is installed${where}`,
      todo: "Install the one of puppeteer by `npx puppeteer browsers install chrome`, or set PUPPETEER_EXECUTABLE_PATH.",
    },
  ];
}

async function checkOf({ path, by }: FoundBrowser, signal: AbortSignal): Promise<Check> {
  // On Windows the program opens a window instead.
  if (process.platform === "win32") return { level: "good", name: NAME, found: `${path} (${by})` };
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: LIMIT_MS, signal });
    const found = `${stdout.trim().split("\n").at(-1)} at ${path} (${by})`;
    if (!isSnap(path)) return { level: "good", name: NAME, found };
    const todo =
      "It is a snap, which cannot write to every folder: give the bot a `dataPath` in ~/snap/chromium/common.";
    return { level: "warning", name: NAME, found, todo };
  } catch (error) {
    signal.throwIfAborted();
    const { stderr = "" } = error as { stderr?: string };
    const library = /error while loading shared libraries: (\S+?):/.exec(stderr)?.[1];
    const why = library === undefined ? safeMessage(error).split("\n")[0] : `the library ${library} is missing`;
    return {
      level: "bad",
      name: NAME,
      found: `${path} (${by}) does not start: ${why}`,
      todo: "Install what it needs: `npx puppeteer browsers install chrome --install-deps`, or a browser by the packages of your system.",
    };
  }
}

/** The path of the browser that comes with the puppeteer of whatsapp-web.js; `undefined` when there is no puppeteer. */
async function ofPuppeteer(folder: string): Promise<string | undefined> {
  const bot = installedPackage("whatsapp-web.js", folder)?.folder ?? folder;
  try {
    const entry = createRequire(join(bot, "package.json")).resolve("puppeteer");
    const loaded = (await import(pathToFileURL(entry).href)) as {
      default?: { executablePath?: () => string | Promise<string> };
    };
    return await loaded.default?.executablePath?.();
  } catch {
    // It is not installed, or knows no browser.
    return undefined;
  }
}
