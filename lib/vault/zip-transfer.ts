import { join, resolve } from "node:path";
import { HOW_TO_ZIP } from "../archive/errors.ts";
import { unzip } from "../archive/unzip.ts";
import { zipFolder } from "../archive/zip-folder.ts";
import { withTemporary } from "../disk/temporary.ts";
import { sessionProblem, verifyProfile } from "../profile/verify.ts";
import type { Capture, RestoreReport, SaveReport } from "../store.ts";
import type { VaultContext } from "./context.ts";
import type { VaultLease } from "./lease.ts";
import { restoreGeneration } from "./restore.ts";
import { saveCapture } from "./save.ts";

/**
 * Saves the profile in a zip as a generation. A profile that does not verify, or has no storage of WhatsApp Web, becomes a
 * suspect one, with a warning.
 * @param current as in `SaveOptions`
 */
export async function saveZip(lease: VaultLease, zip: string, current?: string | null): Promise<SaveReport> {
  const work = async (directory: string): Promise<SaveReport> => {
    const began = performance.now();
    const { files, leftOut = [] } = await unzip(zip, directory);
    const verified = await verifyProfile(directory);
    const problem = sessionProblem(verified);
    const capture: Capture = {
      files,
      profile: verified.profile,
      live: true,
      takenAt: new Date(),
      captureMs: Math.round(performance.now() - began),
      spreadMs: 0,
      verified: problem === undefined,
      close: async () => {},
    };
    const report = await saveCapture({ capture, lease, suspect: problem !== undefined, mayBeEmpty: true, current });
    if (leftOut.length > 0) {
      const [first, ...others] = leftOut;
      const more = others.length > 0 ? ` and ${others.length} more` : "";
      lease.context.warn(`The zip of ${lease.session} holds ${first}${more} beside the profile: left out.`);
    }
    if (problem !== undefined) {
      const { n, live, content } = lease.writer.state;
      const kept =
        content !== n && !live.some((one) => one.n === content && one.suspect)
          ? `generation ${content} stays the current one`
          : "there is no better generation";
      const why = verified.empty ? "it carries no session" : problem;
      const hint = verified.empty ? ` A start that restores it is refused. ${HOW_TO_ZIP}` : "";
      lease.context.warn(`The zip of ${lease.session} does not verify (${why}): kept as suspect, ${kept}.${hint}`);
    }
    return report;
  };
  return await withTemporary(work, resolve(zip));
}

/** Restores the current generation and writes it as a zip at `path`, atomically. */
export async function extractZip(context: VaultContext, session: string, path: string): Promise<RestoreReport> {
  const work = async (directory: string): Promise<RestoreReport> => {
    const into = join(directory, "profile");
    const report = await restoreGeneration(context, { session, into });
    // The files that were restored, not those of its manifest: the generation may be pruned by now.
    await zipFolder(into, path);
    if (report.skipped.length > 0) {
      const newer = report.skipped.map(({ generation }) => generation).join(", ");
      context.warn(
        `Generation ${newer} of ${session} is not whole: generation ${report.generation} was extracted instead.`,
      );
    }
    return report;
  };
  return await withTemporary(work, resolve(path));
}
