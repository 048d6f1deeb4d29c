import { VaultError } from "../../lib/errors.ts";
import type { Lease, SessionState } from "../../lib/store.ts";
import { Refusal } from "./http-answer.ts";

/** The part of a store that changes a session. */
export interface ChangingStore {
  state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined>;
  acquire(options: { session: string; signal?: AbortSignal }): Promise<Lease>;
  rollback(options: { session: string; lease: Lease; generation: number; signal?: AbortSignal }): Promise<void>;
  undelete(options: { session: string; signal?: AbortSignal }): Promise<void>;
}

/** A change of a session that a person may ask for. */
export interface Change {
  readonly store: ChangingStore;
  readonly session: string;
  readonly signal: AbortSignal;
}

/**
 * Makes a kept generation the current one. A lease whose process has ended is watched for up to a minute.
 * @throws {@link Refusal} when `generation` is no number of one; `LEASE_HELD` while a process runs the session; `ABSENT`
 *   when there is no such generation
 */
export async function rollBack({ store, session, signal }: Change, generation: unknown): Promise<void> {
  if (typeof generation !== "number" || !Number.isSafeInteger(generation) || generation < 1) {
    throw new Refusal(400, "INVALID", "`generation` must be the number of a generation.");
  }
  // A session is taken only for what can be done: taking writes to its log, and would begin one that is not there.
  const state = await store.state({ session, signal });
  if (!state) throw new VaultError("ABSENT", `There is no session ${session} in this store.`);
  if (!state.generations.some((one) => one.generation === generation)) {
    throw new VaultError("ABSENT", `${session} has no generation ${generation} any more.`, {
      hint: `It has ${state.generations.map((one) => one.generation).join(", ") || "none"}.`,
    });
  }
  const lease = await store.acquire({ session, signal });
  try {
    await store.rollback({ session, lease, generation, signal });
  } finally {
    await lease.release();
  }
}

/** Takes a soft deletion back. @throws `ABSENT` when there is nothing to bring back; `LEASE_HELD` as {@link rollBack} */
export async function undelete({ store, session, signal }: Change): Promise<void> {
  await store.undelete({ session, signal });
}
