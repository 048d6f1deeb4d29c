/**
 * The families of Signal records that Baileys has, in the order in which a target gets them that cannot take all of them at
 * once: what others rely on comes first, e.g. the mappings of LIDs before the sessions, the sender keys before the memory of
 * who has them.
 */
export const FAMILIES = [
  "lid-mapping",
  "device-list",
  "identity-key",
  "pre-key",
  "app-state-sync-key",
  "app-state-sync-version",
  "tctoken",
  "sender-key",
  "sender-key-memory",
  "session",
] as const;

/** A family of Signal records. */
export type Family = (typeof FAMILIES)[number];
