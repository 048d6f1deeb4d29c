import { createHash } from "node:crypto";
import type { CaptureFile } from "../../store.ts";
import { identityOf, type Stamp } from "../file-identity.ts";
import { bufferSource, type Source } from "../source.ts";

/** A file of a capture, before its path is made one of the profile. */
export interface PartFile extends Source {
  readonly path: string;
  readonly change: CaptureFile["change"];
  readonly identity?: string;
}

/** One database of a capture. Its steps are taken by all databases together, so that they are of one moment. */
export interface Part {
  /** Gets hold of what may vanish, and copies what may be overwritten. What is still good from before is kept. */
  prepare(): Promise<void>;
  /** Takes up what a mark has found to be `unprepared`, and nothing that takes long. */
  follow(): Promise<void>;
  /**
   * Notes how far everything that grows has come. Synchronous, and quick: when two rounds over all databases, one right
   * after the other, find nothing new, then there was a moment between them when all were as noted.
   */
  mark(): "same" | "moved" | "unprepared";
  /** Called right before and after the last mark when none has found a moment: notes the files that may be needed. */
  see(): void;
  /** Gets hold of the files that were there at the last mark and will vanish. */
  secure(): Promise<void>;
  /** Reads and checks; answers what the database was at the last mark. */
  settle(): Promise<PartFile[]>;
}

/** An attempt at a database did not succeed. */
export class Unsettled extends Error {
  override readonly name: string = "Unsettled";
  /** Whether a reason that stays means damage; a race that is lost every time does not. */
  readonly damage: boolean;

  constructor(reason: string, damage: boolean) {
    super(reason);
    this.damage = damage;
  }
}

/** Files that are stored already: they need not be checked, nor copied, again. */
export type Stored = ReadonlyMap<string, string>;

/** A file of a few bytes, which are its identity. */
export function smallFile(path: string, bytes: Buffer): PartFile {
  const identity = createHash("sha256").update(bytes).digest("hex");
  return { path, change: "anywhere", identity, ...bufferSource(bytes) };
}

/** The identity of a file's first `size` bytes, as a part of a `PartFile`. */
export function identified(stamp: Stamp, size: number): { identity?: string } {
  const identity = identityOf(stamp, size);
  return identity === undefined ? {} : { identity };
}
