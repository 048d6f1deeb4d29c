// `lib/wapi` reads and writes the authentication states of wapi, another package for Baileys: its Redis layout in full, its
// files and MongoDB documents as sources. It imports `lib/baileys`, `lib/disk`, `lib/async`, the errors and warnings, of
// `lib/vault` what reads keys and options, and of the adapters `redis/wire.ts` alone; nothing in `lib` imports it. This file
// has the public names of `wa-vault/wapi`.
export { type WapiSessionsPlace, wapiSessions } from "./list-sessions.ts";
export type { RedisAuthOptions } from "./options.ts";
export { RedisAuth, type WapiAuthState } from "./redis-auth.ts";
export { type WapiPlace, type WapiSource, type WapiSourceOptions, wapiSource } from "./sources.ts";
export type { WapiCollection } from "./stored-records.ts";
export type { WapiKeyStore } from "./wapi-keys.ts";
