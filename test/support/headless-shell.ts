import { aptInstall } from "./services/apt.ts";
import { findInstalled, isExecutable } from "./services/path.ts";
import { type Program, ServiceMissing } from "./services/programs.ts";

const PACKAGE = "chromium-headless-shell";

/** The browser of puppeteer's `headless: "shell"`, which keeps no lock in its profile. */
export interface HeadlessShell extends Pick<Program, "way"> {
  executablePath: string;
}

/**
 * A chrome-headless-shell: `WA_VAULT_HEADLESS_SHELL`, one on PATH, else Debian's package when this is root.
 * @throws ServiceMissing
 */
export async function obtainHeadlessShell(): Promise<HeadlessShell> {
  const named = process.env.WA_VAULT_HEADLESS_SHELL;
  if (named && !isExecutable(named)) throw new Error(`WA_VAULT_HEADLESS_SHELL names ${named}, which cannot be run.`);
  const found = named || findInstalled(PACKAGE) || findInstalled("chrome-headless-shell");
  if (found) return { executablePath: found, way: `headless shell: ${found}` };
  const why = await aptInstall([PACKAGE], PACKAGE).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const installed = findInstalled(PACKAGE);
  if (installed !== undefined) return { executablePath: installed, way: `headless shell: ${installed} (installed)` };
  throw new ServiceMissing(
    `chrome-headless-shell is missing (${why}). Install it (Debian, as root: apt-get install ${PACKAGE}; elsewhere: ` +
      "npx puppeteer browsers install chrome-headless-shell) and name it in WA_VAULT_HEADLESS_SHELL.",
  );
}
