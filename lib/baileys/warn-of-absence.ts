import { deletedWarning, otherSessions } from "../other-sessions.ts";
import type { CheckedOptions } from "./options.ts";

/**
 * Says what else the store has, when a session was opened that has no credentials: a bot that is started with another name
 * asks for a QR, and its session is there all the same. Never rejects: it is told for a person only.
 */
export async function warnOfAbsence({ store, session, onWarning, signal }: CheckedOptions): Promise<void> {
  const state = await store.state({ session, ...(signal ? { signal } : {}) }).catch(() => undefined);
  if (state?.deleted) return onWarning(deletedWarning(session, state.deleted));
  const others = await otherSessions(store, session, { signal });
  if (others) onWarning(`The store has no credentials of ${session}: this bot links a new device. It has ${others}.`);
}
