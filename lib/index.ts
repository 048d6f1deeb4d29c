// The public names. Each store has an entry of its own (`wa-vault/fs`, `/s3`, …), so that this entry loads no client
// library.

export { type AddressedStore, type StoreFromUrlOptions, storeFromUrl } from "../address/store-from-url.ts";
export { type AuthenticationAnswer, BaseAuth } from "./auth/base-auth.ts";
export { LocalAuth, type LocalAuthOptions } from "./auth/local-auth.ts";
export { NoAuth } from "./auth/no-auth.ts";
export { RemoteAuth, type RemoteAuthOptions } from "./auth/remote-auth.ts";
export type { StrategyOptions } from "./auth/strategy-options.ts";
export type { BlobInfo, BlobStore, BlobTraits, CallOptions, ListOptions, PutOptions } from "./blobs.ts";
export { type CopyProgress, type CopyReport, type CopySessionOptions, copySession } from "./copy-session.ts";
export { isVaultError, VaultError, type VaultErrorCode, type VaultErrorOptions } from "./errors.ts";
export { type RenameReport, type RenameSessionOptions, renameSession } from "./rename-session.ts";
export {
  type BrokenLease,
  type Capture,
  type CaptureFile,
  type EntryKind,
  type GenerationInfo,
  type HistoryEntry,
  isProfileStore,
  type Lease,
  type MarkOptions,
  type ProfileFacts,
  type ProfileStore,
  type RestoreProfileOptions,
  type RestoreReport,
  type SaveProfileOptions,
  type SaveReport,
  type SessionFacts,
  type SessionState,
  type SessionStore,
  type SessionSummary,
  type StorageBackend,
  type UnreadableSession,
} from "./store.ts";
export {
  type AcquireOptions,
  type Encryption,
  type EncryptionKey,
  type EncryptionWays,
  type LeasedOptions,
  type OpenRecordsOptions,
  type RekeyReport,
  Vault,
  type VaultOptions,
} from "./vault/vault.ts";
