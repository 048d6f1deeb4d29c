import { existsSync } from "node:fs";
import { copyFile, cp, link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { probeCredentials } from "../lib/profile/credentials.ts";
import { verifyProfile } from "../lib/profile/verify.ts";
import type { StorageBackend } from "../lib/store.ts";
import { storageForms } from "../test/support/chromium.ts";
import { openClient } from "../test/support/client.ts";
import type { Phone } from "../test/support/phone.ts";
import { whatsapp } from "../test/support/whatsapp.ts";
import { bytesOf, filesBelow, isSame, storageParts } from "./tree.ts";

/** States of one profile, some use apart, as a running browser left them on disk. */
export interface Series {
  /** Directories, the first state first. */
  readonly states: readonly string[];
  /** Bytes of the first state. */
  readonly bytes: number;
  /** The form of the site's storage. */
  readonly backend: StorageBackend;
  /** Full version of the browser that wrote them. */
  readonly browser: string;
}

export interface SeriesOptions {
  /** Where it is recorded; one that was recorded there in the same way is used again. */
  readonly folder: string;
  /** Bytes the site's storage has in the first state, about. */
  readonly bytes: number;
  /** The form of the site's storage. @default "leveldb" */
  readonly backend?: StorageBackend | undefined;
  /** How many states follow the first. */
  readonly saves: number;
  /** Bytes that are written between two states, beside the messages. */
  readonly useBytes: number;
  /**
   * Milliseconds without a write before a state is copied.
   * @default 6500: Chromium keeps Local Storage back for 5000
   */
  readonly quietMs?: number | undefined;
  readonly log: (line: string) => void;
}

/** Messages that arrive between two states, a transaction each. */
const MESSAGES = 100;
/** Pictures and the like; the rest of what fills a profile is text and thumbnails in the database. */
const BLOB_SHARE = 0.05;
/** Written by one call: a gigabyte would take longer than puppeteer waits. */
const FILL_BYTES = 200e6;
const QUIET_MS = 6_500;
const VERSION_FILE = "Last Version";

/** Records a series: a real client in a real Chromium on the stand-in page, and a copy of its profile at each pause. */
export async function recordSeries(options: SeriesOptions): Promise<Series> {
  const { folder, bytes, backend = "leveldb", saves, useBytes, quietMs = QUIET_MS, log } = options;
  const states = Array.from({ length: saves + 1 }, (_, index) => join(folder, `state-${index}`));
  const about = join(folder, "series.json");
  const recipe = JSON.stringify({ settled: true, bytes, backend, saves, useBytes, MESSAGES, BLOB_SHARE });
  if (!existsSync(about) || (await readFile(about, "utf8")) !== recipe) {
    await rm(folder, { recursive: true, force: true });
    const live = join(folder, "live");
    const { NoAuth } = whatsapp();
    const args = storageForms[backend === "sqlite" ? "SQLite" : "LevelDB"];
    const client = openClient({ authStrategy: new NoAuth(), puppeteer: { userDataDir: live, args } });
    try {
      await client.until("qr");
      await client.phone.pair();
      await client.until("ready");
      await untilSettled(live);
      await fillTo(bytes, client.phone, live);
      for (const [index, state] of states.entries()) {
        if (index > 0) await use(client.phone, useBytes);
        await sleep(quietMs);
        await copyState(live, state, states[index - 1]);
        log(`recorded state ${index} of ${saves}`);
      }
    } finally {
      await client.close();
    }
    await rm(live, { recursive: true, force: true, maxRetries: 5 });
    await writeFile(about, recipe);
  }
  const [first = ""] = states;
  return { states, bytes: bytesOf(first), backend, browser: await readFile(join(first, VERSION_FILE), "utf8") };
}

/** As a bot waits before its first save. */
async function untilSettled(live: string): Promise<void> {
  while (!(await probeCredentials(live)).hasCredentials) await sleep(1_000);
}

async function fillTo(bytes: number, phone: Phone, live: string): Promise<void> {
  for (let missing = bytes; missing > bytes / 50; ) {
    await phone.fill(Math.min(Math.max(missing, 100_000), FILL_BYTES), { blobShare: BLOB_SHARE });
    await sleep(1_000);
    missing = bytes - bytesOf(live, storageParts);
  }
}

/** The messages of a bot in some minutes. */
async function use(phone: Phone, bytes: number): Promise<void> {
  for (let n = 0; n < MESSAGES; n++) await phone.write(`message ${n} `.repeat(20));
  await phone.fill(bytes, { blobShare: BLOB_SHARE });
}

/** Copies the site's storage while nothing writes to it; what is as in the state before is linked to that. */
async function copyState(live: string, state: string, before: string | undefined): Promise<void> {
  const copy = `${state}.new`;
  for (let attempt = 0; attempt < 30; attempt++) {
    if (attempt > 0) await sleep(1_000);
    await rm(copy, { recursive: true, force: true });
    try {
      const files = filesBelow(live, storageParts);
      for (const path of files.keys()) await copyOne(join(live, path), join(copy, path), before && join(before, path));
      await cp(join(live, VERSION_FILE), join(copy, VERSION_FILE));
      const after = filesBelow(live, storageParts);
      const still = after.size === files.size && [...after].every(([path, file]) => isSame(files.get(path), file));
      const { problems, empty } = await verifyProfile(copy);
      if (still && !empty && problems.length === 0) return await rename(copy, state);
    } catch (error) {
      // It was deleted while it was copied.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error(`The profile in ${live} did not hold still.`);
}

/**
 * Brings the profile at `to` from the state before to `state`, as a browser would: what is the same is left alone, what
 * has changed is written into the file that is there.
 */
export async function advance(to: string, state: string): Promise<void> {
  const files = filesBelow(state);
  const there = filesBelow(to);
  for (const [path, file] of files) {
    if (!isSame(there.get(path), file)) await copyOne(join(state, path), join(to, path));
  }
  for (const path of there.keys()) if (!files.has(path)) await rm(join(to, path));
}

async function copyOne(from: string, to: string, linkTo?: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const { size, mtimeMs } = await stat(from);
  const twin = linkTo === undefined ? undefined : await stat(linkTo).catch(() => undefined);
  if (linkTo !== undefined && isSame(twin, { size, mtimeMs })) return await link(linkTo, to);
  await copyFile(from, to);
  await utimes(to, new Date(), new Date(mtimeMs));
}
