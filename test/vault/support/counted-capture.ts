import type { Capture } from "../../../lib/store.ts";
import { captureOf, type Files } from "../../contract/profile.ts";

/** A verified capture of files in memory, and the bytes that were read of each. */
export interface CountedCapture {
  readonly capture: Capture;
  readonly read: Map<string, number>;
}

export function countedCapture(files: Files): CountedCapture {
  const read = new Map<string, number>();
  const capture = captureOf(files);
  const counted = capture.files.map((file) => ({
    ...file,
    async read(position: number, length: number): Promise<Buffer> {
      read.set(file.path, (read.get(file.path) ?? 0) + length);
      return await file.read(position, length);
    },
  }));
  return { capture: { ...capture, verified: true, files: counted }, read };
}
