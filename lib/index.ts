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
export type {
  BlobEvent,
  CallEvent,
  CopyEvent,
  DeleteEvent,
  DiagnosticsEvents,
  ErrorEvent,
  LeaseEvent,
  LinkEvent,
  MarkEvent,
  Operation,
  OperationContext,
  ProfileForm,
  PruneEvent,
  RecordsEvent,
  RekeyEvent,
  RestoreEvent,
  RollbackEvent,
  SaveEvent,
  SessionEvent,
} from "./diagnostics/events.ts";
export { onVaultEvent } from "./diagnostics/on-vault-event.ts";
export { isVaultError, VaultError, type VaultErrorCode, type VaultErrorOptions } from "./errors.ts";
export type { PullForm } from "./local-session/place-of-session.ts";
export { type PullReport, type PullSessionOptions, pullSession } from "./local-session/pull-session.ts";
export { type PushReport, type PushSessionOptions, pushSession } from "./local-session/push-session.ts";
export { type LocalForm, type LocalSession, recogniseSession } from "./local-session/recognise.ts";
export { type RenameReport, type RenameSessionOptions, renameSession } from "./rename-session.ts";
export { type ExportReport, type ExportSessionOptions, exportSession } from "./session-file/export-session.ts";
export {
  type ImportReport,
  type ImportSessionOptions,
  importSession,
  type ReadSessionFileOptions,
  readSessionFile,
  type SessionFileFacts,
} from "./session-file/import-session.ts";
export {
  type BrokenLease,
  type Capture,
  type CaptureFile,
  type EntryKind,
  type GenerationCheck,
  type GenerationInfo,
  type HistoryEntry,
  isProfileStore,
  type Lease,
  type MarkOptions,
  type ProbeStep,
  type ProbeStepName,
  type ProfileFacts,
  type ProfileStore,
  type RestoreProfileOptions,
  type RestoreReport,
  type SaveProfileOptions,
  type SaveReport,
  type SessionDetails,
  type SessionFacts,
  type SessionState,
  type SessionStore,
  type SessionSummary,
  type StorageBackend,
  type StoreProbe,
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
  type ReplaceRecordsOptions,
  Vault,
  type VaultOptions,
  type VerifyGenerations,
  type VerifyProgress,
} from "./vault/vault.ts";
