import { VaultError } from "../lib/errors.ts";
import { otherSessions } from "../lib/other-sessions.ts";
import type { ProfileStore } from "../lib/store.ts";

/** What the help of every command says of a session that it is given. */
export const SESSION = "its name, as stored or as in your bot's code";
/** What it says of a name that a session gets in a store. */
export const NEW_SESSION = "its name in the store";

/** What may stand before the name that a person has chosen. */
const BEGINNINGS = ["", "RemoteAuth-", "Baileys-"];

/**
 * The name of the session that a person means: a name as it is stored (`RemoteAuth-support`), or the part that the bot's code
 * has (`support`) where one session has that part.
 * @throws `ABSENT`, naming sessions that were perhaps meant; `INVALID` when several sessions may be meant; the store's error
 */
export async function sessionMeant(
  store: ProfileStore,
  given: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<string> {
  if (!/^[-\w]+$/.test(given)) {
    throw new VaultError("INVALID", "The name of a session has letters, digits, `-` and `_` only.");
  }
  const call = signal ? { signal } : {};
  const found: string[] = [];
  for (const beginning of BEGINNINGS) {
    const session = beginning + given;
    if ((await store.state({ session, ...call })) !== undefined) found.push(session);
    // A name as it is stored means that session, whatever else there is.
    if (beginning === "" && found.length > 0) return session;
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    throw new VaultError("INVALID", `${given} may be ${found.join(" or ")}.`, { hint: "Write the whole name." });
  }
  const near = await otherSessions(store, given, call);
  throw new VaultError("ABSENT", `There is no session ${given}.`, {
    hint: near === undefined ? "`wa-vault ls` lists the sessions of the store." : `The store has ${near}.`,
  });
}
