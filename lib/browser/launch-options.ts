import { VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import type { BrowserLike, PuppeteerOptions } from "./client.ts";
import { enabledFeatures, storageFeatures } from "./storage-features.ts";

/** The user's options by what {@link launchOptions} made from them: a second launch uses the user's again. */
const usersByLaunch = new WeakMap<PuppeteerOptions, PuppeteerOptions>();

/** Arguments with which Chromium opens another profile than `<userDataDir>/Default`, or no profile on disk. */
const FOREIGN_PROFILE = ["--user-data-dir", "--profile-directory", "--incognito", "--guest", "--bwsi"];

/** The options as the user gave them, when `options` came from {@link launchOptions}; else `options`. */
export function usersOptions(options: PuppeteerOptions | undefined): PuppeteerOptions {
  return options === undefined ? {} : (usersByLaunch.get(options) ?? options);
}

/**
 * Checks that puppeteer will open the strategy's own profile.
 * @throws `INVALID`: with whatsapp-web.js's own sentence for another `userDataDir`; for a connection to a running
 *   browser and for arguments that name another profile.
 */
export function checkLaunchable(options: PuppeteerOptions | undefined, strategy: string, userDataDir: string): void {
  const { userDataDir: given, browserWSEndpoint, browserURL, args = [] } = usersOptions(options);
  if (given && given !== userDataDir) {
    throw new VaultError("INVALID", `${strategy} is not compatible with a user-supplied userDataDir.`, {
      hint: "Use `dataPath` and `clientId` to say where the profile is.",
    });
  }
  if (browserWSEndpoint || browserURL) {
    const name = browserWSEndpoint ? "browserWSEndpoint" : "browserURL";
    const message = `${strategy} cannot keep the session of a browser it did not start (\`${name}\`).`;
    throw new VaultError("INVALID", message, {
      hint: `Remove \`puppeteer.${name}\`, or use NoAuth and keep that browser's profile yourself.`,
    });
  }
  const foreign = args.find((argument) => FOREIGN_PROFILE.includes(argument.split("=", 1)[0] ?? ""));
  if (foreign !== undefined) {
    const message = `${strategy} cannot keep a session that is not in its own profile (\`${foreign}\`).`;
    throw new VaultError("INVALID", message, { hint: "Remove the argument from `puppeteer.args`." });
  }
}

/**
 * The options to launch the browser with, as a new object with a new `args` array (puppeteer takes `--enable-features`
 * out of the very array it is given): the user's own, the profile, and the switches without which Chromium would wipe
 * a profile of that form.
 * @param options.handleSignals whether the strategy handles signals, so that puppeteer must not
 * @throws `INVALID` when the user's own switches contradict the profile's form
 */
export function launchOptions(
  given: PuppeteerOptions | undefined,
  options: { userDataDir: string; profile: ProfileFacts; handleSignals?: boolean },
): PuppeteerOptions {
  const users = usersOptions(given);
  const { userDataDir, profile, handleSignals = false } = options;
  const args = storageFeatures(users.args ?? [], profile);
  // Without puppeteer's own arguments only this one names the profile.
  if (users.ignoreDefaultArgs === true) args.push(`--user-data-dir=${userDataDir}`);
  const launch: PuppeteerOptions = {
    ...users,
    userDataDir,
    args,
    ...(handleSignals ? { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false } : {}),
  };
  usersByLaunch.set(launch, users);
  return launch;
}

/** The warning for a browser that is older than the browser that wrote the profile; else `undefined`. */
export function downgradeWarning(writtenBy: string | undefined, running: string): string | undefined {
  const version = /\d+(\.\d+)+/.exec(running)?.[0];
  if (writtenBy === undefined || version === undefined || compareVersions(writtenBy, version) <= 0) return undefined;
  return `The profile was written by Chromium ${writtenBy} and is opened by the older ${version}: it may ask to link again. Update the browser.`;
}

/** Negative when `a` is the older version, positive when it is the newer one. */
function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Checks the arguments of the browser's process before a page is opened: Chromium wipes a profile that it opens without
 * the switches of its storage form.
 * @throws `INVALID` when a switch that {@link launchOptions} set is missing
 */
export function checkLaunched(browser: BrowserLike, launch: PuppeteerOptions | undefined): void {
  const spawned = browser.process?.()?.spawnargs;
  if (spawned === undefined || launch === undefined || !usersByLaunch.has(launch)) return;
  const got = enabledFeatures(spawned);
  const missing = enabledFeatures(launch.args ?? []).filter((feature) => !got.includes(feature));
  if (missing.length === 0) return;
  throw new VaultError("INVALID", `The browser was started without ${missing.join(", ")}: it would wipe the profile.`, {
    hint: "Some code between this package and puppeteer changes `args`; no page was opened yet.",
  });
}
