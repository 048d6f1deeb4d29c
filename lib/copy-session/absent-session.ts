import { VaultError } from "../errors.ts";
import { otherSessions } from "../other-sessions.ts";
import { isProfileStore, type SessionStore } from "../store.ts";

/**
 * The error of a source that has no session of these names. Its hint names those that it has, where it can list them.
 * @param names the first one is the session's own
 */
export async function absentIn(
  from: SessionStore,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<VaultError> {
  const [session = ""] = names;
  const others = isProfileStore(from) ? await otherSessions(from, session, { signal }) : undefined;
  const path = "Set `dataPath` to the folder where the bot that saved it kept its data, as that bot saw it.";
  return new VaultError("ABSENT", `The source has no session ${names.join(", nor ")}.`, {
    hint: others ? `It has ${others}.` : names.length > 1 ? path : undefined,
  });
}
