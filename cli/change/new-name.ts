import { VaultError } from "../../lib/errors.ts";

/** What the names of the sessions begin with that a bot finds. */
const BEGINNING = /^(?:RemoteAuth(?=-|$)|Baileys-)/;

/**
 * The name as it is stored, of one that a person gives to a session: a name as a bot has it gets the beginning of the old one.
 * @throws `INVALID` when it is no name, or one that the bots of this session would not find
 */
export function newNameOf(session: string, given: string): string {
  if (!/^[-\w]+$/.test(given)) {
    throw new VaultError("INVALID", "The name of a session has letters, digits, `-` and `_` only.");
  }
  const isOfBaileys = session.startsWith("Baileys-");
  const name = BEGINNING.test(given) ? given : `${isOfBaileys ? "Baileys" : "RemoteAuth"}-${given}`;
  if (name.startsWith("Baileys-") === isOfBaileys) return name;
  throw new VaultError("INVALID", `The bots of ${session} would not find it as ${name}.`, {
    hint: "Sessions of whatsapp-web.js are named `RemoteAuth-<clientId>` or `RemoteAuth`, those of Baileys `Baileys-<session>`.",
  });
}
