/** Suites for stores and backends of your own: hand in your runner's `describe` and `it`. */
export { authStateContract, type OpenedAuthState, type OpenState, type StateOfOthers } from "./auth-state-contract.ts";
export { blobContract, type OpenedBlobs } from "./blob-contract.ts";
export { type LeaseStore, leaseContract, type MortalStore, type OpenedLeaseStore } from "./lease-contract.ts";
export { type OpenedProfileStore, profileStoreContract } from "./profile-store-contract.ts";
export type { Opened, Runner, Skip, SuiteOptions } from "./runner.ts";
export { type OpenedStore, storeContract } from "./store-contract.ts";
