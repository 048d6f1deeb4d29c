import type { CheckedOptions } from "./options.ts";
import { PREFIX } from "./session-name.ts";

/** Names that a warning has at most. */
const MOST_NAMES = 5;

/**
 * Says what else the store has, when a session was opened that has no credentials: a bot that is started with another name
 * asks for a QR, and its session is there all the same. Never rejects: it is told for a person only.
 */
export async function warnOfAbsence({ store, session, onWarning, signal }: CheckedOptions): Promise<void> {
  try {
    const state = await store.state({ session, ...(signal ? { signal } : {}) });
    if (state?.deleted) {
      const since = state.deleted.at.toISOString();
      onWarning(
        `${session} was deleted at ${since}: this bot links a new device. \`undelete\` of the store brings it back.`,
      );
      return;
    }
    const others: string[] = [];
    for await (const name of store.sessions(signal ? { signal } : {})) {
      if (name.startsWith(PREFIX) && name !== session) others.push(name);
      if (others.length > MOST_NAMES) break;
    }
    if (others.length === 0) return;
    const names = others.slice(0, MOST_NAMES).join(", ");
    const more = others.length > MOST_NAMES ? " and more" : "";
    onWarning(`The store has no credentials of ${session}: this bot links a new device. It has ${names}${more}.`);
  } catch (error) {
    onWarning(`Could not look for other sessions in the store: ${error instanceof Error ? error.message : error}`);
  }
}
