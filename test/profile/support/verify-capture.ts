import { rm } from "node:fs/promises";
import { type VerifyReport, verifyProfile } from "../../../lib/profile/verify.ts";
import type { Capture } from "../../../lib/store.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { writeFiles } from "./small-profile.ts";

/** Verifies a capture as it would be restored: all of its files are written into a folder. */
export async function verifyCapture(capture: Capture): Promise<VerifyReport> {
  const dir = scratchFolder("capture-");
  try {
    for (const { path, size, read } of capture.files) await writeFiles(dir, { [path]: await read(0, size) });
    const report = await verifyProfile(dir);
    const problems = [...report.problems];
    for (const storage of ["indexedDb", "localStorage"] as const) {
      if (report.profile[storage] !== capture.profile[storage])
        problems.push({ path: "", reason: `its ${storage} is not in the form it says` });
    }
    return { ...report, problems };
  } finally {
    await rm(dir, { recursive: true });
  }
}
