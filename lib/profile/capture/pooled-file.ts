import type { FileIdentity } from "../../disk/file-identity.ts";
import type { DescribedPlace } from "../../disk/file-source.ts";
import type { PieceSource } from "../pieces.ts";

/** A file that can be read after it was renamed or deleted. */
export interface PooledFile extends PieceSource {
  /** As it was when it was opened. */
  readonly identity: FileIdentity;
}

/** Stays the same object when its descriptor is replaced by a copy: each read uses the newest source. */
export class PoolEntry implements PooledFile {
  readonly identity: FileIdentity;
  source: PieceSource;

  constructor(identity: FileIdentity, source: PieceSource) {
    this.identity = identity;
    this.source = source;
  }

  get size(): number {
    return this.source.size;
  }

  read(position: number, length: number): Promise<Buffer> {
    return this.source.read(position, length);
  }

  withDescriptor<T>(work: (place: DescribedPlace) => Promise<T>): Promise<T> | undefined {
    return this.source.withDescriptor?.(work);
  }

  async readInto(target: Buffer, position: number): Promise<void> {
    const { source } = this;
    if (source.readInto) await source.readInto(target, position);
    else (await source.read(position, target.length)).copy(target);
  }
}
