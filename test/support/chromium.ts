import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { isLong } from "./length.ts";
import { aptForRoot, aptInstall, isAptAtWork } from "./services/apt.ts";
import { findInstalled, isExecutable } from "./services/path.ts";
import { type Program, ServiceMissing } from "./services/programs.ts";

/** A browser to launch, and how it was had. */
export interface Chromium {
  executablePath: string;
  /** One line for people: `chromium: /usr/bin/chromium (on PATH)`. */
  how: string;
}

/**
 * What Chromium needs here: it runs as root in containers without a GPU, and must talk to nobody. Names resolve to
 * nothing, so that whatever is not answered by the stand-in fails at once instead of leaving the machine.
 */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  // A page of the browser's own, which is loaded at every start and costs as much as all else there: nobody types here.
  // And a process that waits for a second page, a tenth of the rest: there is none.
  "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
];

/**
 * A fresh array each time: puppeteer edits the one it is given.
 * @param offline resolve no name at all.
 * @default true
 */
export function chromiumFlags(options: { offline?: boolean } = {}): string[] {
  return options.offline === false ? [...flags] : [...flags, "--host-resolver-rules=MAP * ~NOTFOUND"];
}

/**
 * Arguments for tests whose subject is what comes after a link: Local Storage is on disk a second after a change, not many
 * seconds. In the long run Chromium takes its own time, as it does in the tests of first saves.
 */
export const writesSoon: string[] = isLong ? [] : ["--enable-aggressive-domstorage-flushing"];

/** Arguments that make a new profile keep the site's storage in either of Chromium's two forms. */
export const storageForms: Readonly<Record<"LevelDB" | "SQLite", string[]>> = {
  LevelDB: ["--disable-features=IdbSqliteOnDiskRollout,DomStorageSqliteNewDatabases"],
  SQLite: [
    "--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteForNewStores," +
      "DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteForNewDatabases",
  ],
};

let found: Chromium | undefined;
/** Why Debian's package could not be had. */
let refused = "";

/**
 * A Chromium: `PUPPETEER_EXECUTABLE_PATH`, puppeteer's own, `chromium` or `google-chrome` on PATH, else Debian's
 * package when this is root. Asked once per process.
 * @throws when there is none: the sentence says how to provide one.
 */
export function findChromium(log: (line: string) => void = () => {}): Chromium {
  // While packages are being installed a browser may be there before its libraries are.
  const known = fromEnvironment() ?? fromPuppeteer() ?? (isAptAtWork() ? undefined : fromPath("on PATH"));
  found ??= known ?? fromDebian(log) ?? fromPath("on PATH");
  if (!found) {
    throw new Error(
      "No Chromium was found: install one (Debian, as root: apt-get install chromium; elsewhere: npx puppeteer browsers " +
        `install chrome) or name it in PUPPETEER_EXECUTABLE_PATH.${refused && ` It was not installed here: ${refused}.`}`,
    );
  }
  return found;
}

/** {@link findChromium} for callers that can wait: it installs without a message. @throws ServiceMissing */
export async function obtainChromium(): Promise<Pick<Program, "way">> {
  if (!fromEnvironment() && !fromPuppeteer() && !fromPath(""))
    await aptInstall(["chromium"], "chromium").catch(() => {});
  try {
    return { way: findChromium().how };
  } catch (error) {
    throw new ServiceMissing((error as Error).message);
  }
}

/**
 * For test files that start browsers themselves: whether they must be skipped. Says why; with `CI=true` it throws that.
 */
export function isChromiumMissing(): boolean {
  try {
    findChromium();
    return false;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    console.error(`skipped: ${(error as Error).message}`);
    return true;
  }
}

function fromEnvironment(): Chromium | undefined {
  const path = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (!path) return undefined;
  if (!isExecutable(path)) throw new Error(`PUPPETEER_EXECUTABLE_PATH names ${path}, which is not an executable file.`);
  return { executablePath: path, how: `chromium: ${path} (PUPPETEER_EXECUTABLE_PATH)` };
}

function fromPuppeteer(): Chromium | undefined {
  try {
    const fromClient = createRequire(createRequire(import.meta.url).resolve("whatsapp-web.js"));
    const puppeteer = fromClient("puppeteer") as { executablePath(): string };
    const path = puppeteer.executablePath();
    return isExecutable(path) ? { executablePath: path, how: `chromium: ${path} (puppeteer's own)` } : undefined;
  } catch {
    return undefined; // It was told not to download one.
  }
}

function fromPath(how: string): Chromium | undefined {
  for (const name of ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"]) {
    const path = findInstalled(name);
    if (path !== undefined) return { executablePath: path, how: `chromium: ${path} (${how})` };
  }
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  return isExecutable(mac) ? { executablePath: mac, how: `chromium: ${mac}` } : undefined;
}

/** In a process of its own, which can wait for other installations: a synchronous caller cannot. */
function fromDebian(log: (line: string) => void): Chromium | undefined {
  try {
    aptForRoot();
  } catch (error) {
    refused = (error as Error).message;
    return undefined;
  }
  log("chromium: none here yet, installing Debian's package (apt-get install chromium): a minute or two");
  const installer = fileURLToPath(new URL("services/apt.ts", import.meta.url));
  const args = ["--import", import.meta.resolve("tsx"), installer, "chromium", "chromium"];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = stdout.trim();
  if (status === 0) return { executablePath: said, how: `chromium: ${said} (installed by apt-get)` };
  refused = said;
  return undefined;
}
