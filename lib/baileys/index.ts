// `lib/baileys` keeps the authentication state of a Baileys bot as records in a vault. It imports `lib/vault`, the types of
// stores, `lib/async` and the errors, never `lib/auth`; nothing in `lib` imports it. It loads Baileys itself when a state is
// opened. This file has the public names of `wa-vault/baileys`.
export { useVaultAuthState, type VaultAuthState } from "./auth-state.ts";
export type { VaultAuthStateOptions } from "./options.ts";
export { type PeekedAuthState, peekAuthState } from "./peek-auth-state.ts";
export type {
  AuthenticationCreds,
  AuthenticationState,
  BaileysSocket,
  KeyPair,
  RecordSet,
  SignalKeyStore,
} from "./types.ts";
