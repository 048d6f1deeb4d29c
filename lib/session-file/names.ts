import { VaultError } from "../errors.ts";

/** What a bot of this kind finds: the beginning of its names; `undefined` for names of no bot. */
function beginningOf(name: string): string | undefined {
  return /^(?:RemoteAuth(?=-|$)|Baileys-)/.exec(name)?.[0];
}

/** @throws `INVALID` when the bots of one name would not find the session under the other */
export function checkSameKind(session: string, newSession: string, doing: string): void {
  const beginning = beginningOf(session);
  if (beginning === undefined || beginning === beginningOf(newSession)) return;
  throw new VaultError(
    "INVALID",
    `Could not ${doing} as ${newSession}: the bots of the one are not those of the other.`,
    {
      hint: "Sessions of whatsapp-web.js are named `RemoteAuth-<clientId>` or `RemoteAuth`, those of Baileys `Baileys-<session>`.",
    },
  );
}
