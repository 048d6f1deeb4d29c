import { type AuthPlace, migrateAuthState } from "../../lib/baileys/index.ts";
import { newNameOf } from "../change/new-name.ts";
import type { Moved, OldKind, OldSession } from "./old-setup.ts";

/**
 * A session of Baileys. What is no letter of a name becomes a hyphen.
 * @param warn what is to be said once it has moved. @default nothing
 * @param session its name in a store of this package. @default made of its name there
 */
export function baileysSession(
  kind: OldKind,
  name: string,
  from: AuthPlace,
  warn: () => Promise<readonly string[]> = async () => [],
  session = `Baileys-${name.replace(/^Baileys-/, "").replace(/[^-\w]+/g, "-")}`,
): OldSession {
  return {
    kind,
    name,
    session,
    as: (given) => baileysSession(kind, name, from, warn, newNameOf(session, given)),
    async move({ to, signal, onStep, onWarning }): Promise<Moved> {
      const { creds, counts, warnings, skipped } = await migrateAuthState({
        from,
        to: { store: to, session },
        signal,
        onProgress: ({ step }) => onStep(step),
        onError: (error) => onWarning(error instanceof Error ? error.message : String(error)),
      });
      const files = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const strangers =
        skipped.files.length === 0 ? [] : [`No files of Baileys, and left out: ${skipped.files.join(", ")}.`];
      const said = [...warnings, ...strangers, ...(await warn())];
      return { unchanged: !creds.copied, files, ...(said.length > 0 ? { warnings: said } : {}) };
    },
  };
}
