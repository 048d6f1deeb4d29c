import { createHash } from "node:crypto";
import type { FileSource } from "../../disk/file-source.ts";
import type { CaptureFile } from "../../store.ts";
import { bufferSource } from "../sources.ts";

/** One file of a database, as it is captured; its path is relative to the profile. */
export interface DatabaseFile extends FileSource {
  readonly path: string;
  readonly change: CaptureFile["change"];
  readonly identity?: string;
}

/**
 * The capture of one database. `captureProfile` takes each step for all databases of the profile before the next step,
 * so that all of them are captured at one moment.
 */
export interface DatabaseCapture {
  /**
   * Opens the files that may be deleted, and copies those that may be overwritten. Keeps what is still valid of an
   * earlier attempt.
   */
  prepare(): Promise<void>;
  /** Opens the files that made a poll `unprepared`; reads as little as possible. */
  refresh(): Promise<void>;
  /**
   * Records how far every growing file has come. Synchronous and quick: when two rounds of polls over all databases,
   * one right after the other, find nothing new, all databases were as recorded at a moment between the two.
   */
  poll(): PollResult;
  /** Fallback when no consistent moment was found: records every blob file present, before and after the last poll. */
  noteFiles(): void;
  /** Holds the files that were there at the last poll and may be deleted later. */
  holdFiles(): Promise<void>;
  /**
   * Reads and checks the database.
   * @returns its files, as they were at the last poll
   * @throws InconsistentCapture when they do not fit together
   */
  finish(): Promise<DatabaseFile[]>;
}

/** `unprepared`: the database has files, or a new round of its log, that `refresh` has to open first. */
export type PollResult = "unchanged" | "changed" | "unprepared";

/** Identities by path of the files that are stored already: they need not be checked, nor copied, again. */
export type StoredIdentities = ReadonlyMap<string, string>;

/** A file of a database; without `identity` nothing tells later whether it has changed. */
export function databaseFile(
  path: string,
  change: CaptureFile["change"],
  source: FileSource,
  identity?: string,
): DatabaseFile {
  return {
    path,
    change,
    size: source.size,
    read: (position, length) => source.read(position, length),
    ...(identity === undefined ? {} : { identity }),
  };
}

/** A file of a few bytes in memory; its identity is the hash of the bytes. */
export function smallFile(path: string, bytes: Buffer): DatabaseFile {
  return databaseFile(path, "anywhere", bufferSource(bytes), createHash("sha256").update(bytes).digest("hex"));
}
