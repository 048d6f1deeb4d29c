import type { BlobStore } from "../lib/blobs.ts";
import type { VaultOptions } from "../lib/vault/vault.ts";

/** The options that each scheme passes on to its blobs. */
export interface SchemeOptions {
  /** The largest value that is sent, in bytes. @default the most that the store can send */
  maxBlobBytes?: number | undefined;
}

/** What {@link SchemeOptions} is a part of. */
export type StoreOptions = VaultOptions & SchemeOptions;

/** Blobs on a client that was made for them. */
export interface OpenedBlobs {
  readonly blobs: BlobStore;
  /** Resolves when the client is connected. @throws an error of a failed attempt to connect, soon. @default no wait */
  connected?(signal: AbortSignal): Promise<void>;
  /** Closes the client. */
  close(): Promise<void>;
}
