import type { RestoreReport, SaveReport } from "../store.ts";
import { tell } from "./channels.ts";
import type { CallEvent, ProfileForm } from "./events.ts";

/** Tells of a save that has succeeded. @param epoch the fencing number of its writer, if it has one */
export function tellSave(report: SaveReport, call: CallEvent, form: ProfileForm, epoch?: number): void {
  const { generation, unchanged, unverified, files, bytes, bytesSent, chunksSent, chunksReused, captureMs } = report;
  tell("save", () => ({
    ...call,
    generation,
    ...(epoch === undefined ? {} : { epoch }),
    form,
    unchanged,
    ...(unverified ? { unverified } : {}),
    files,
    bytes,
    bytesSent,
    chunksSent,
    chunksReused,
    captureMs,
  }));
}

/** Tells of a restore that has succeeded. */
export function tellRestore(report: RestoreReport, call: CallEvent, form: ProfileForm): void {
  const { generation, files, bytes, bytesReceived } = report;
  // A copy: the caller decides by the report, and a listener may change what it is told.
  const skipped = (): typeof report.skipped => report.skipped.map((one) => ({ ...one }));
  tell("restore", () => ({ ...call, generation, form, files, bytes, bytesReceived, skipped: skipped() }));
}
