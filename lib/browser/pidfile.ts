import { constants } from "node:fs";
import { open, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { diskError, isMissing } from "../disk/errors.ts";
import { identify, isProcessId, type ProcessId } from "../disk/process-id.ts";
import { readOpenedFile, readWholeFile } from "../disk/read-whole-file.ts";

/** Name of the file inside the profile. */
const NAME = ".wa-vault-browser.json";
const MOST_BYTES = 1024 * 1024;

/** Who has opened a profile last: the content of the file. */
export interface BrowserRecord {
  readonly bot: ProcessId;
  /** Absent while the browser is being started. */
  readonly browser?: ProcessId | undefined;
  /** Id of the claim of that run; absent in files of earlier versions. */
  readonly claim?: string | undefined;
  /** Name of the machine or container of the bot; absent in files of earlier versions. */
  readonly host?: string | undefined;
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
  const record: BrowserRecord = { bot, browser, claim, host: hostname() };
  await writeFile(join(dir, NAME), JSON.stringify(record), { mode: 0o600 }).catch((cause) => {
    throw diskError(`write into the profile ${dir}`, cause);
  });
}

/** @returns `undefined` when there is no record, or a torn one: no browser is known then. Never rejects. */
export async function readRecord(dir: string): Promise<BrowserRecord | undefined> {
  return parse(await readWholeFile(join(dir, NAME), { most: MOST_BYTES }).then(String, () => ""));
}

function parse(text: string): BrowserRecord | undefined {
  try {
    const { bot, browser, claim, host } = JSON.parse(text) as Partial<BrowserRecord>;
    if (!isProcessId(bot) || (browser !== undefined && !isProcessId(browser))) return undefined;
    return { bot, browser, claim: asText(claim), host: asText(host) };
  } catch {
    return undefined;
  }
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/**
 * Shows everybody who looks at the profile that its run `claim` lives, when the record is of that run: where only the
 * profile is shared, the claim beside it is seen by nobody else.
 * @returns the record that is there; `undefined` when there is none
 * @throws the error of the disk
 */
export async function touchRecord(dir: string, claim: string): Promise<BrowserRecord | undefined> {
  const file = await open(join(dir, NAME), constants.O_RDWR | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => {
    if (!isMissing(cause)) throw cause;
  });
  if (file === undefined) return undefined;
  try {
    const record = parse(String(await readOpenedFile(file, { most: MOST_BYTES, name: NAME })));
    const now = new Date();
    if (record?.claim === claim) await file.utimes(now, now);
    return record;
  } finally {
    await file.close();
  }
}

/** Removes the record of the run `claim`, and no other one. Never rejects. */
export async function removeRecordOf(dir: string, claim: string): Promise<void> {
  if ((await readRecord(dir))?.claim === claim) await removeRecord(dir);
}

/** Removes the record. Never rejects. */
export async function removeRecord(dir: string): Promise<void> {
  await rm(join(dir, NAME), { force: true }).catch(() => undefined);
}
