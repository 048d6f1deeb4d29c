import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CaptureOptions, captureProfile } from "../../lib/profile/capture/capture.ts";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { scratchFolder } from "../support/scratch.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";
import { type Form, type OpenPage, openPage } from "./open-page.ts";
import { writeCapture } from "./restore.ts";
import { withSlowReads } from "./slow-reads.ts";

/** Captures of one profile before they are checked and a new profile is begun. */
const BATCH = 20;

/** Options of a run. */
export interface TortureOptions {
  form: Form;
  /** How many captures are taken, restored and opened twice. */
  captures: number;
  /** How many plain recursive copies are made beside the captures, to compare. @default 0 */
  copies?: number;
  /** Bytes that a profile holds before the writer starts. @default 5,000,000 */
  fillBytes?: number;
  /** How the captures are taken. */
  options?: Partial<CaptureOptions>;
  /** Milliseconds added to each read of the disk during a capture and while it is written. @default 0 */
  slowReadMs?: number;
  log?: (line: string) => void;
}

/** The results of captures, or of plain copies. */
export interface Tally {
  taken: number;
  /** Rejected instead of giving a copy. */
  failed: number;
  /** Opened as an unlinked device, or without earlier commits. */
  lost: number;
  /** Opened with a history, a blob or a database that does not fit the rest. */
  broken: number;
  /** What each failed, lost or broken one was. */
  readonly reasons: string[];
}

/** The results of a run. */
export interface TortureReport {
  readonly captures: Tally;
  readonly copies: Tally;
  readonly captureMs: number[];
  readonly spreadMs: number[];
  /** Bytes of the largest capture. */
  bytes: number;
  /** Records written while captures were taken. */
  records: number;
}

/** A restored capture, or a plain copy, that is to be opened. */
interface Restored {
  readonly tally: Tally;
  readonly into: string;
  /** The number of the last record that the page had committed before. */
  readonly sequence: number;
}

/** Takes captures while the page writes as fast as it can; restores each, opens it twice with writes in between. */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const report: TortureReport = {
    captures: newTally(),
    copies: newTally(),
    captureMs: [],
    spreadMs: [],
    bytes: 0,
    records: 0,
  };
  const [captures, copies] = [options.captures, options.copies ?? 0];
  const folder = scratchFolder("torture-");
  for (let done = 0; done < Math.max(captures, copies); done += BATCH) {
    const root = join(folder, `from-${done}`);
    await mkdir(root);
    try {
      const wanted = { captures: Math.min(BATCH, captures - done), copies: Math.min(BATCH, copies - done) };
      const taken = await takeBatch(options, root, wanted, report);
      for (const each of taken) await check(each, options.form);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
    const beside = copies > 0 ? `, plain copies ${line(report.copies)}` : "";
    options.log?.(`${options.form}: ${line(report.captures)}${beside}`);
  }
  await rm(folder, { recursive: true, force: true });
  return report;
}

async function takeBatch(
  options: TortureOptions,
  root: string,
  wanted: { captures: number; copies: number },
  report: TortureReport,
): Promise<Restored[]> {
  const dir = join(root, "profile");
  const page = await openPage(dir, options.form);
  const restored: Restored[] = [];
  try {
    await page.phone.pair();
    await page.phone.fill(options.fillBytes ?? 5_000_000);
    await untilCredentials(dir);
    await page.phone.startWriter({ bodyBytes: 8_000, batch: 4 });
    for (let i = 0; i < Math.max(wanted.captures, wanted.copies); i++) {
      await sleep(Math.random() * 300);
      if (i < wanted.captures) {
        const into = join(root, `capture-${i}`);
        const take = (): Promise<void> =>
          withSlowReads(options.slowReadMs ?? 0, () => takeCapture(options, dir, into, report));
        restored.push(...(await takeOne(page, report.captures, into, take)));
      }
      if (i < wanted.copies) {
        const into = join(root, `copy-${i}`);
        restored.push(...(await takeOne(page, report.copies, into, () => plainCopy(dir, into))));
      }
    }
    report.records += (await page.phone.stopWriter()).written;
  } finally {
    await page.close();
  }
  return restored;
}

async function takeOne(page: OpenPage, tally: Tally, into: string, take: () => Promise<void>): Promise<Restored[]> {
  const { sequence } = await page.phone.write();
  tally.taken++;
  try {
    await take();
    return [{ tally, into, sequence }];
  } catch (error) {
    tally.failed++;
    tally.reasons.push(`failed: ${messageOf(error)}`);
    return [];
  }
}

async function takeCapture(options: TortureOptions, dir: string, into: string, report: TortureReport): Promise<void> {
  const capture = await captureProfile(dir, { live: true, ...options.options });
  try {
    report.captureMs.push(capture.captureMs);
    report.spreadMs.push(capture.spreadMs);
    report.bytes = Math.max(
      report.bytes,
      capture.files.reduce((total, { size }) => total + size, 0),
    );
    await writeCapture(capture, into);
  } finally {
    await capture.close();
  }
}

async function check({ tally, into, sequence }: Restored, form: Form): Promise<void> {
  try {
    if (into.includes("capture-")) await mustVerify(into, "as it was taken");
    await openTwice(into, form, sequence);
  } catch (error) {
    const reason = messageOf(error);
    if (reason.startsWith("lost")) tally.lost++;
    else tally.broken++;
    tally.reasons.push(reason);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}

/** Opens a restored profile, writes to it, opens it again. Throws `lost …` or `broken …`. */
export async function openTwice(dir: string, form: Form, sequence: number): Promise<void> {
  let least = sequence;
  for (const time of ["first", "second"]) {
    const page = await openPage(dir, form);
    try {
      const verdict = await page.phone.verdict();
      const found = JSON.stringify(verdict);
      if (!verdict.linked) throw new Error(`lost at the ${time} opening: ${found}`);
      for (const [key, value] of Object.entries(wholeVerdict)) {
        if (verdict[key as keyof typeof verdict] !== value) throw new Error(`broken at the ${time} opening: ${found}`);
      }
      if ((verdict.lastSequence ?? 0) < least) throw new Error(`lost records before ${least}: ${found}`);
      for (let i = 0; i < 5; i++) least = (await page.phone.write(`after the ${time} opening ${i}`)).sequence;
      await page.phone.fill(200_000);
    } finally {
      await page.close();
    }
  }
  await mustVerify(dir, "after two openings");
}

async function mustVerify(dir: string, when: string): Promise<void> {
  const { problems, empty } = await verifyProfile(dir);
  if (problems.length > 0 || empty) throw new Error(`broken ${when}: ${JSON.stringify(problems)}`);
}

/** Waits until the credentials are on disk: Local Storage is written out late. */
export async function untilCredentials(dir: string): Promise<void> {
  let reason = "";
  for (let i = 0; i < 1_200; i++) {
    const found = await probeCredentials(dir);
    if (found.hasCredentials) return;
    reason = found.reason;
    await sleep(250);
  }
  throw new Error(`the credentials did not get to the disk within five minutes: ${reason}`);
}

/** Copies the site's directories file by file, as a tool does that knows nothing of databases. */
async function plainCopy(dir: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const wanted = /^Default(?:$|\/(?:IndexedDB|Local Storage|LocalStorage)(?:-wal)?(?:$|\/))/;
  await cp(join(dir, "Default"), join(into, "Default"), {
    recursive: true,
    filter: (path) => wanted.test(path.slice(dir.length + 1)),
  });
}

function newTally(): Tally {
  return { taken: 0, failed: 0, lost: 0, broken: 0, reasons: [] };
}

function line(tally: Tally): string {
  return `${tally.taken} taken, ${tally.failed} failed, ${tally.lost} lost, ${tally.broken} broken`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
