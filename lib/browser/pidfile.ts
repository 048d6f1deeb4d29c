import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../disk/errors.ts";
import { identify, isProcessId, type ProcessId } from "../disk/process-id.ts";

/** Name of the file inside the profile. */
const NAME = ".wa-vault-browser.json";

/** Who has opened a profile last: the content of the file. */
export interface BrowserRecord {
  readonly bot: ProcessId;
  /** Absent while the browser is being started. */
  readonly browser?: ProcessId | undefined;
  /** Id of the claim of that run; absent in files of earlier versions. */
  readonly claim?: string | undefined;
}

/**
 * Records the browser that has the profile at `dir` open, and the bot (this process) that started it.
 * @param run `browserPid` is absent while the browser is being started; `claim` is the id of the claim on the profile
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses
 */
export async function recordBrowser(dir: string, run: { browserPid?: number; claim?: string } = {}): Promise<void> {
  const { browserPid, claim } = run;
  const bot = await identify(process.pid);
  const browser = browserPid === undefined ? undefined : await identify(browserPid);
  const record: BrowserRecord = { bot, browser, claim };
  await writeFile(join(dir, NAME), JSON.stringify(record), { mode: 0o600 }).catch((cause) => {
    throw diskError(`write into the profile ${dir}`, cause);
  });
}

/** @returns `undefined` when there is no record, or a torn one: no browser is known then. Never rejects. */
export async function readRecord(dir: string): Promise<BrowserRecord | undefined> {
  try {
    const { bot, browser, claim } = JSON.parse(await readFile(join(dir, NAME), "utf8")) as Partial<BrowserRecord>;
    if (!isProcessId(bot) || (browser !== undefined && !isProcessId(browser))) return undefined;
    return { bot, browser, claim: typeof claim === "string" ? claim : undefined };
  } catch {
    return undefined;
  }
}

/** Removes the record. Never rejects. */
export async function removeRecord(dir: string): Promise<void> {
  await rm(join(dir, NAME), { force: true }).catch(() => undefined);
}
