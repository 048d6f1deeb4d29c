import { MemoryStore } from "../../adapters/memory.ts";
import { type AuthPlace, type MigrateAuthStateResult, migrateAuthState } from "../../lib/baileys/index.ts";
import { copySession } from "../../lib/copy-session.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { newNameOf } from "../change/new-name.ts";
import type { Moved, OldForm, OldSession } from "./old-setup.ts";

/**
 * A session of Baileys. What is no letter of a name becomes a hyphen.
 * @param warn what is to be said once it has moved. @default nothing
 * @param session its name in a store of this package. @default made of its name there
 */
export function baileysSession(
  form: OldForm,
  name: string,
  from: AuthPlace,
  warn: () => Promise<readonly string[]> = async () => [],
  session = `Baileys-${name.replace(/^Baileys-/, "").replace(/[^-\w]+/g, "-")}`,
): OldSession {
  return {
    form,
    kind: "records",
    name,
    session,
    as: (given) => baileysSession(form, name, from, warn, newNameOf(session, given)),
    async move({ to, replace, otherPhone, signal, onStep, onWarning }): Promise<Moved> {
      const migrate = (store: Vault): Promise<MigrateAuthStateResult> =>
        migrateAuthState({
          from,
          to: { store, session },
          signal,
          onProgress: ({ step }) => onStep(step),
          onError: (error) => onWarning(error instanceof Error ? error.message : String(error)),
        });
      const { creds, counts, warnings, skipped } = await migrate(to).catch(async (error: unknown) => {
        if (!isOccupied(error)) throw error;
        if (!replace) throw anotherVersion(session, error);
        // What is there stays until all that comes is whole, and can be brought back afterwards.
        const scratch = new MemoryStore({ onWarning });
        const migrated = await migrate(scratch);
        const onProgress = ({ step }: { step: string }): void => onStep(step);
        await copySession({ from: scratch, to, session, replace, otherPhone, signal, onProgress });
        return migrated;
      });
      const files = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const strangers =
        skipped.files.length === 0 ? [] : [`No files of Baileys, and left out: ${skipped.files.join(", ")}.`];
      const said = [...warnings, ...strangers, ...(await warn())];
      return { unchanged: !creds.copied, files, ...(said.length > 0 ? { warnings: said } : {}) };
    },
  };
}

/** Whether a migration has found another session in its target. */
function isOccupied(error: unknown): error is VaultError {
  return isVaultError(error, "INVALID") && error.message.includes("there is another session");
}

/** As a copy says it. */
function anotherVersion(session: string, cause: VaultError): VaultError {
  const message = `The target has another version of ${session}: another session, or another state of this one.`;
  return new VaultError("CONFLICT", message, { cause });
}
