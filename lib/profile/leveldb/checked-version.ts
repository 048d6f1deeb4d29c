import { exactIdentity, type FileIdentity } from "../../disk/file-identity.ts";
import type { Version } from "./manifest.ts";

/** What the manifest and the logs of a LevelDB say, once they were checked. */
export interface CheckedVersion {
  readonly version: Version;
  /** Position just after the last whole record of the last log. */
  readonly end: number;
}

/** The files that a {@link CheckedVersion} was read from, or depends on. */
export interface VersionFiles {
  readonly manifest: NumberedFile;
  readonly logs: readonly NumberedFile[];
  /** Bytes of the tables by number. */
  readonly tables: Iterable<readonly [number: number, size: number]>;
}

interface NumberedFile {
  readonly number: number;
  readonly identity: FileIdentity | undefined;
}

/**
 * The same text for the same files with the same content; `undefined` when that cannot be told, because a manifest or log
 * was written just now.
 */
export function versionKey({ manifest, logs, tables }: VersionFiles): string | undefined {
  const parts: string[] = [];
  for (const { number, identity } of [manifest, ...[...logs].sort((a, b) => a.number - b.number)]) {
    if (!identity?.trustworthy) return undefined;
    parts.push(`${number} ${exactIdentity(identity)}`);
  }
  for (const [number, size] of [...tables].sort(([a], [b]) => a - b)) parts.push(`${number} ${size}`);
  return parts.join("\n");
}
