import { MemoryStore } from "../../adapters/memory.ts";
import { type AuthPlace, migrateAuthState } from "../../lib/baileys/index.ts";
import { type CopySessionOptions, copySession } from "../../lib/copy-session.ts";
import { isVaultError } from "../../lib/errors.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { newNameOf } from "../change/new-name.ts";
import { hasAnotherVersion } from "../change/replace.ts";
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
      // What is in the target stays until all that comes is whole, and is replaced in one step, as every copy does it.
      const scratch = new MemoryStore({ onWarning });
      const { counts, warnings, skipped } = await migrateAuthState({
        from,
        to: { store: scratch, session },
        signal,
        onProgress: ({ step }) => onStep(step),
        onError: (error) => onWarning(error instanceof Error ? error.message : String(error)),
      });
      const onProgress = ({ step }: { step: string }): void => onStep(step);
      const call = { from: scratch, to, session, otherPhone, signal, onProgress };
      const unchanged = await copyUnlessSame(call, replace);
      const files = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const strangers =
        skipped.files.length === 0 ? [] : [`No files of Baileys, and left out: ${skipped.files.join(", ")}.`];
      const said = [...warnings, ...strangers, ...(await warn())];
      return { unchanged, files, ...(said.length > 0 ? { warnings: said } : {}) };
    },
  };
}

/** @returns whether the target had this state already @throws `CONFLICT` when it has another one, and `replace` is not set */
async function copyUnlessSame(
  call: CopySessionOptions & { readonly from: Vault; readonly to: Vault },
  replace: boolean,
): Promise<boolean> {
  const { from, to, session, signal } = call;
  try {
    return (await copySession({ ...call, replace: false })).unchanged;
  } catch (error) {
    if (!isVaultError(error, "CONFLICT") || !hasAnotherVersion(error)) throw error;
    if (await isSameState(from, to, session, signal)) return true;
    if (!replace) throw error;
    return (await copySession({ ...call, replace })).unchanged;
  }
}

/**
 * Whether `to` has the state of `from`: what only a store of this package keeps beside it, such as the messages that were sent
 * last, is no part of it.
 */
export async function isSameState(
  from: Vault,
  to: Vault,
  session: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const copy = new MemoryStore({ onWarning: () => {} });
  try {
    await copySession({ from: to, to: copy, session, force: true, signal });
    const { creds } = await migrateAuthState({ from: { store: from, session }, to: { store: copy, session }, signal });
    return !creds.copied;
  } catch (error) {
    // Linked, and another one; or damaged, or deleted meanwhile.
    if (isVaultError(error) && ["CONFLICT", "CORRUPT", "ABSENT"].includes(error.code)) return false;
    throw error;
  }
}
