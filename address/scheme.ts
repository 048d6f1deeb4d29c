import type { Vault, VaultOptions } from "../lib/vault/vault.ts";

/** The options that each scheme passes on to its store. */
export type SchemeOptions = VaultOptions & {
  /** The largest value that is sent, in bytes. @default the most that the store can send */
  maxBlobBytes?: number | undefined;
};

/** A store, and what closes the client that was made for it. */
export interface OpenedStore {
  readonly store: Vault;
  close(): Promise<void>;
}
