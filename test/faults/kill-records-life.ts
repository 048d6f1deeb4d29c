import type { RecordChange } from "../../lib/vault/records/record-bytes.ts";
import type { VaultOptions } from "../../lib/vault/vault.ts";
import { noise } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";

export const OPTIONS: VaultOptions = { encryption: { key: testKey(1) } };
/** After so many entries the records are put together. */
export const MOST_LOOSE = 4;
/** Some folds, and a fold of all. */
export const SETS = 22;
/** Larger than an entry, where a blob has 64 KiB. */
const LARGE_BYTES = 100_000;

/** What set `n` changes, from 1 on. */
export function setOf(n: number): RecordChange[] {
  const value = n % 5 === 0 ? undefined : noise(300, n);
  return [
    ["n", Buffer.from(String(n))],
    [`key ${n % 4}`, value],
    ...(n % 9 === 0 ? [["large", noise(LARGE_BYTES, n)] as const] : []),
  ];
}
