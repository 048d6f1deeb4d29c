import { type BigIntStats, lstatSync } from "node:fs";
import { isMissing } from "./errors.ts";

/**
 * Age in milliseconds below which a timestamp proves nothing: a disk's clock ticks every 2 s or faster, and two writes
 * may share a tick.
 */
const RACY_MS = 2_000;

/** What tells whether a file is the same file with the same content, as `stat` gives it. */
export interface FileIdentity {
  /** Device and inode. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Times of the last change of the content and of the inode. */
  readonly times: string;
  /** Whether the timestamps are old enough that every later change shows in them. */
  readonly trustworthy: boolean;
}

/** The identity of a file, from a `stat` that was made just now. */
export function identifyFile(stat: BigIntStats): FileIdentity {
  const now = Date.now();
  const newest = Math.max(Number(stat.mtimeNs / 1_000_000n), Number(stat.ctimeNs / 1_000_000n));
  return {
    file: `${stat.dev}:${stat.ino}`,
    size: Number(stat.size),
    times: `${stat.mtimeNs}:${stat.ctimeNs}`,
    trustworthy: now - newest >= RACY_MS,
  };
}

/** The identity of what is at `path` now: `gone` when nothing is, `unknown` when the disk does not say. */
export function lookAt(path: string): FileIdentity | "gone" | "unknown" {
  try {
    return identifyFile(lstatSync(path, { bigint: true }));
  } catch (error) {
    return isMissing(error) ? "gone" : "unknown";
  }
}

/** The identity of a whole file, as text, also of one that was written just now. */
export function exactIdentity({ file, size, times }: FileIdentity): string {
  return `${file}:${size}:${times}`;
}

/**
 * The identity of the first `size` bytes of a file, as text; `undefined` for a file that was written within the last
 * two seconds: another write within the same tick of the disk's clock would not show.
 */
export function prefixIdentity(identity: FileIdentity, size: number): string | undefined {
  return identity.trustworthy ? exactIdentity({ ...identity, size }) : undefined;
}

/** Whether a whole file still has an identity of {@link prefixIdentity}. */
export function hasIdentity(file: FileIdentity, identity: string | undefined): boolean {
  return identity !== undefined && identity === prefixIdentity(file, file.size);
}
