import { accessSync, constants, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { isSnap } from "../../lib/browser/snap.ts";
import { VaultError } from "../../lib/errors.ts";

/** The names of programs on the PATH, the wanted ones first. */
const PROGRAMS = [
  "google-chrome",
  "google-chrome-stable",
  "chromium",
  "chromium-browser",
  "microsoft-edge",
  "microsoft-edge-stable",
];
const MAC = ["Google Chrome", "Chromium", "Microsoft Edge"].map(
  (app) => `/Applications/${app}.app/Contents/MacOS/${app}`,
);
const WINDOWS = ["Google\\Chrome\\Application\\chrome.exe", "Microsoft\\Edge\\Application\\msedge.exe"];

/** Where a browser is looked for. */
export interface BrowserSearch {
  /** What the person has named. */
  readonly named?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** The module of whatsapp-web.js: its puppeteer may have a browser of its own. */
  readonly client: string;
  /** @default this process's */
  readonly platform?: NodeJS.Platform;
}

/**
 * The browser to start: the one that is named, that of `PUPPETEER_EXECUTABLE_PATH`, puppeteer's own, else an installed Chrome,
 * Chromium or Edge; one that is a snap only where there is no other, since it does not see every folder.
 * @throws `INVALID` when the one that is named cannot be run, or there is none
 */
export function findBrowser({ named, env, client, platform = process.platform }: BrowserSearch): string {
  const { PUPPETEER_EXECUTABLE_PATH: variable } = env;
  for (const [what, path] of [
    ["`--browser`", named],
    ["PUPPETEER_EXECUTABLE_PATH", variable],
  ] as const) {
    if (!path) continue;
    if (isProgram(path)) return path;
    const found = findOnPath(path, env);
    if (found !== undefined) return found;
    throw new VaultError("INVALID", `${what} names ${path}, which is no program that can be run.`);
  }
  const own = ownOfPuppeteer(client);
  if (own !== undefined) return own;
  const found = installedBrowser(platform, env);
  if (found !== undefined) return found;
  throw new VaultError("INVALID", "No Chrome, Chromium or Edge was found.", {
    hint: "Install one, or let `npx puppeteer browsers install chrome` do it, and name its program with `--browser <path>`.",
  });
}

/** A browser that is installed; one that is a snap only where there is no other. */
export function installedBrowser(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string | undefined {
  const installed = placesOf(platform, env).filter(isProgram);
  return installed.find((path) => !isSnap(path)) ?? installed[0];
}

function ownOfPuppeteer(client: string): string | undefined {
  try {
    const { executablePath } = createRequire(client)("puppeteer") as { executablePath(): string };
    const path = executablePath();
    return isProgram(path) ? path : undefined;
  } catch {
    // It was told not to fetch one.
    return undefined;
  }
}

function placesOf(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): string[] {
  if (platform === "darwin") return MAC;
  if (platform === "win32") {
    const { PROGRAMFILES, "PROGRAMFILES(X86)": x86, LOCALAPPDATA } = env;
    return WINDOWS.flatMap((path) =>
      [PROGRAMFILES, x86, LOCALAPPDATA].flatMap((root) => (root ? [join(root, path)] : [])),
    );
  }
  return PROGRAMS.flatMap((name) => findOnPath(name, env) ?? []);
}

function findOnPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  if (/[\\/]/.test(name)) return undefined;
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
