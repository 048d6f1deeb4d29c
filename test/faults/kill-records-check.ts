import { expect } from "vitest";
import type { BlobStore } from "../../lib/blobs.ts";
import { entryKey, sessionPrefix } from "../../lib/vault/layout.ts";
import type { VaultLease } from "../../lib/vault/lease.ts";
import { SessionRecords } from "../../lib/vault/records/session-records.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { Requests } from "../vault/support/requests.ts";
import { MOST_LOOSE, OPTIONS, SETS, setOf } from "./kill-records-life.ts";
import type { LivedLife } from "./kill-run.ts";

/** How often leftovers are looked for: a request that was sent right before the kill may arrive after it. */
const LOOKS = 100;

/** The records after so many sets. */
function recordsAfter(sets: number): Map<string, string> {
  const records = new Map<string, string>();
  for (let n = 1; n <= sets; n++) {
    for (const [key, value] of setOf(n)) {
      if (value) records.set(key, value.toString("base64"));
      else records.delete(key);
    }
  }
  return records;
}

/**
 * What has to hold once a process was killed that had told `told` sets: another process takes the session without
 * waiting; it has the records of all these sets, and those of the next one all or not at all; it sets on from there, and
 * a prune leaves only what is needed.
 */
export async function checkRecordsAfterKill(blobs: BlobStore, session: string, { told }: LivedLife): Promise<void> {
  const vault = new Vault({ ...OPTIONS, blobs }, { mostLoose: MOST_LOOSE });
  const lease = await vault.acquire({ session });
  const records = await SessionRecords.open(lease as VaultLease, { onError: () => {} });
  const found = new Map(records.keys().map((key) => [key, (records.get(key) ?? Buffer.alloc(0)).toString("base64")]));
  const sets = Number(Buffer.from(found.get("n") ?? "MA==", "base64"));
  expect([told, told + 1]).toContain(sets);
  expect(found).toEqual(recordsAfter(sets));
  for (let n = sets + 1; n <= SETS; n++) await records.set(setOf(n));
  await vault.prune({ session, lease });
  for (let look = 1; ; look++) {
    const left = await leftovers(blobs, session);
    if (left.length === 0) break;
    if (look === LOOKS) expect(left).toEqual([]);
    await vault.prune({ session, lease });
  }
  await records.close();
}

/** Keys of chunks and entries that neither a reader of all records needs, nor the protocol keeps. */
async function leftovers(blobs: BlobStore, session: string): Promise<string[]> {
  const requests = new Requests(blobs);
  const found = await new Vault({ ...OPTIONS, blobs: requests }).peekRecords({ session });
  expect(new Map([...(found ?? [])].map(([key, value]) => [key, value.toString("base64")]))).toEqual(
    recordsAfter(SETS),
  );
  const needed = new Set(requests.take().map((request) => request.replace(/^get /, "")));
  for await (const { entry, kind } of new Vault({ ...OPTIONS, blobs }).history({ session })) {
    if (kind === "hold") needed.add(entryKey(session, entry));
  }
  const left: string[] = [];
  for await (const { key } of blobs.list(sessionPrefix(session))) {
    if (!needed.has(key) && !key.includes("/lease/")) left.push(key);
  }
  return left;
}
