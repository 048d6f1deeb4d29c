import { VaultError } from "../errors.ts";
import { type ListingStore, type OtherNames, otherSessions } from "../other-sessions.ts";

/** Nothing is stored under the name of the session. */
export class AbsentSession extends VaultError {
  constructor(message: string) {
    super("ABSENT", message);
  }
}

/**
 * Does `work`; when it finds that its session is absent, the hint of the error names those that are there.
 * @throws the error of `work`
 */
export async function namingOthers<T>(
  store: ListingStore,
  { session, signal }: { session: string; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AbsentSession)) throw error;
    const others = await otherSessions(store, session, { signal });
    throw new VaultError("ABSENT", error.message, othersHint(others));
  }
}

function othersHint(others: OtherNames | undefined): { hint?: string } {
  return others === undefined ? {} : { hint: `The store has ${others}.` };
}
