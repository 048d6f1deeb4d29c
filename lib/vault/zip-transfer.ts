import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { unzip } from "../archive/unzip.ts";
import { zipFiles } from "../archive/zip.ts";
import { verifyProfile } from "../profile/verify.ts";
import type { Capture, CaptureFile, RestoreReport, SaveReport } from "../store.ts";
import type { VaultContext } from "./context.ts";
import type { VaultLease } from "./lease.ts";
import { restoreGeneration } from "./restore.ts";
import { saveCapture } from "./save.ts";

/** Saves the profile in a zip as a generation; one that does not verify as a suspect one, with a warning. */
export async function saveZip(context: VaultContext, lease: VaultLease, zip: string): Promise<SaveReport> {
  return inTemporary(async (directory) => {
    const began = performance.now();
    const { files } = await unzip(zip, directory);
    const { problems, profile } = await verifyProfile(directory);
    const capture: Capture = {
      files,
      profile,
      live: true,
      takenAt: new Date(),
      captureMs: Math.round(performance.now() - began),
      spreadMs: 0,
      close: async () => {},
    };
    const problem = problems[0] && `${problems[0].path}: ${problems[0].reason}`;
    const report = await saveCapture(context, { capture, lease, suspect: problem !== undefined, mayBeEmpty: true });
    const { n, live, content } = lease.state;
    if (problem !== undefined || (!report.unchanged && live.some((one) => one.n === n && one.suspect))) {
      const kept =
        content !== n && !live.some((one) => one.n === content && one.suspect)
          ? `generation ${content} stays the current one`
          : "there is nothing better";
      const why = problem ?? "it carries no session";
      context.warn(`The zip of ${lease.session} does not verify (${why}): kept as suspect, ${kept}.`);
    }
    return report;
  });
}

/** Restores the current generation and writes it as a zip at `path`, atomically. */
export async function extractZip(context: VaultContext, session: string, path: string): Promise<RestoreReport> {
  return inTemporary(async (directory) => {
    const into = join(directory, "profile");
    const report = await restoreGeneration(context, { session, into });
    // What was restored, and not what its entry says: that may be pruned by now.
    await zipFiles(await filesIn(into), path);
    if (report.skipped.length > 0) {
      const newer = report.skipped.map(({ generation }) => generation).join(", ");
      context.warn(
        `Generation ${newer} of ${session} is not whole: generation ${report.generation} was extracted instead.`,
      );
    }
    return report;
  });
}

async function filesIn(directory: string): Promise<CaptureFile[]> {
  const files: CaptureFile[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const place = join(entry.parentPath, entry.name);
    files.push({
      path: relative(directory, place).split(sep).join("/"),
      size: (await stat(place)).size,
      change: "never",
      read: (position, length) => readAt(place, position, length),
    });
  }
  return files;
}

async function readAt(place: string, position: number, length: number): Promise<Buffer> {
  const file = await open(place, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function inTemporary<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "wa-vault-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
