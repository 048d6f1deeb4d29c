import type { Lease, ProfileStore } from "../../lib/store.ts";

/** Takes a session also from a holder that is alive, as a person does who knows that the holder must end. */
export async function takeOver(store: ProfileStore, session: string): Promise<Lease> {
  await store.breakLease?.({ session });
  return await store.acquire({ session });
}
