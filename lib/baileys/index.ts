// `lib/baileys` keeps the authentication state of a Baileys bot as records in a vault. It imports `lib/vault`, the types of
// stores, `lib/disk`, `lib/async` and the errors, never `lib/auth`; of `lib` only `lib/session-file` and
// `lib/local-session` import it. It loads Baileys itself when a state is
// opened. This file has the public names of `wa-vault/baileys`.
export { useVaultAuthState, type VaultAuthState } from "./auth-state.ts";
export {
  type MigrateAuthStateOptions,
  type MigrateAuthStateResult,
  migrateAuthState,
} from "./migration/migrate-auth-state.ts";
export type { AuthPlace, MultiFilePlace, StatePlace, StorePlace, WapiPlace, WapiSource } from "./migration/places.ts";
export type { MigrationProgress } from "./migration/sides.ts";
export type { MessageStoreOptions, VaultAuthStateOptions } from "./options.ts";
export { type PeekedAuthState, peekAuthState } from "./peek-auth-state.ts";
export type {
  AnyAuthState,
  AnySignalKeys,
  AuthenticationCreds,
  AuthenticationState,
  BaileysSocket,
  KeyPair,
  MessageKey,
  RecordSet,
  SignalKeyStore,
} from "./types.ts";
