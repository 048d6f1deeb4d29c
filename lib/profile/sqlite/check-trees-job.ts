import type { Job } from "../../async/threads/job.ts";
import { readDescriptor } from "../../disk/read-descriptor.ts";
import type { PieceSource } from "../pieces.ts";
import { concatSources } from "../sources.ts";
import { openPages } from "./pages.ts";
import { checkTrees } from "./tree.ts";
import type { WalReport } from "./wal.ts";

/** Bytes of an open file. */
export interface FilePart {
  readonly fd: number;
  readonly position: number;
  readonly size: number;
}

/** A database with its log, in files that stay open meanwhile. */
export interface TreesToCheck {
  readonly database: FilePart;
  /** The parts of the log, one after the other; none without a log. */
  readonly wal: readonly FilePart[];
  /** The log, scanned. */
  readonly report: WalReport | undefined;
  /** Not 0 once the check shall end. */
  readonly stop: SharedArrayBuffer;
}

/** What is wrong with the trees of a database. @throws when it was stopped, or the disk refuses */
export const job: Job<TreesToCheck, { readonly problem: string | undefined }> = {
  module: import.meta.url,
  run: async ({ database, wal, report, stop }) => {
    const flag = new Int32Array(stop);
    const parts = wal.map((part) => partSource(part, flag));
    const log = parts.length === 0 ? undefined : parts.reduce((all, part) => concatSources(all, part));
    const pages = await openPages(partSource(database, flag), log, report);
    return { problem: typeof pages === "object" ? await checkTrees(pages) : (pages ?? "it is empty") };
  },
};

/** The thread does the jobs of other sessions while a read waits for the disk. */
function partSource({ fd, position: start, size }: FilePart, stop: Int32Array): PieceSource {
  const readInto = async (target: Buffer, position: number): Promise<void> => {
    if (Atomics.load(stop, 0) !== 0) throw new Error("the check was stopped");
    await readDescriptor(fd, target, start + position);
  };
  const read = async (position: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafe(length);
    await readInto(bytes, position);
    return bytes;
  };
  return { size, read, readInto };
}
