import { join } from "node:path";
import { expect } from "vitest";
import { type AddressedStore, type StoreFromUrlOptions, storeFromUrl } from "../../../address/store-from-url.ts";
import type { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, profileFiles } from "../../contract/profile.ts";
import { scratchFolder } from "../../support/scratch.ts";

export const session = "RemoteAuth-support";

/** Saves a profile. */
export async function saveIn(store: Vault, value: string): Promise<void> {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, capture: captureOf(profileFiles(value)), lease });
  await lease.release();
}

/** Fails unless the store has the profile of {@link saveIn}. */
export async function expectIn(store: Vault, value: string): Promise<void> {
  const into = join(scratchFolder("restored-"), "profile");
  await store.restoreProfile({ session, into });
  assertSameFiles(await filesIn(into), profileFiles(value));
}

/** Opens the store without what is in the environment of the tests. */
export function open(address: string, options: StoreFromUrlOptions = {}): Promise<AddressedStore> {
  return storeFromUrl(address, { env: {}, ...options });
}

/**
 * A session that is saved through the address is read through it and by a store that is made by hand, and the other way
 * round: both are one store.
 */
export async function expectSameStore(
  address: string,
  byHand: Vault,
  options: StoreFromUrlOptions = {},
): Promise<void> {
  const store = await open(address, options);
  try {
    await saveIn(store, "by address");
    await expectIn(store, "by address");
    await expectIn(byHand, "by address");
    await saveIn(byHand, "by hand");
    await expectIn(store, "by hand");
    const names: string[] = [];
    for await (const name of store.sessions()) names.push(name);
    expect(names).toEqual([session]);
  } finally {
    await store.close();
    await store.close();
  }
  await expect(store.state({ session })).rejects.toMatchObject({ code: "CANCELLED", message: /was closed/ });
}
