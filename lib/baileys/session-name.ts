import { invalidOption } from "../errors.ts";

/** Names of sessions of Baileys begin with it, as those of browsers begin with `RemoteAuth`. */
export const PREFIX = "Baileys-";

const NAME = /^[-\w]+$/;
const LONGEST = 128 - PREFIX.length;

/**
 * The name in a store of the session that a bot calls `session`: `Baileys-<session>`, or `session` itself where it begins so,
 * as listings show it. A whole number is its text.
 * @throws `INVALID` when it is no name
 */
export function sessionNameOf(session: unknown): string {
  // Ids of customers come as numbers from databases.
  const isWhole = typeof session === "bigint" || Number.isSafeInteger(session);
  const given = isWhole ? String(session) : session;
  const bare = typeof given === "string" && given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given;
  if (typeof bare === "string" && bare.length <= LONGEST && NAME.test(bare)) return PREFIX + bare;
  const expected = `a name of letters, digits, underscores and hyphens (at most ${LONGEST})`;
  throw invalidOption("session", expected, session);
}
