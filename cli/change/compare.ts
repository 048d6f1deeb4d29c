import type { AddressedStore } from "../../address/store-from-url.ts";
import { type CopySessionOptions, copySession } from "../../lib/copy-session.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { SessionFacts, SessionStore } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import type { Cli } from "../cli.ts";
import { isThere, thereJson } from "../look/facts-json.ts";
import { hasAnotherVersion, type ReplaceOptions, replaceWords } from "./replace.ts";
import { sessionWords } from "./session.ts";

/** What a dry run has found in the store that a session would go to. */
export interface Compared {
  /** What is there; `undefined` when nothing was ever written. */
  readonly there: SessionFacts | undefined;
  /** Whether the session is there, exactly so. */
  readonly unchanged: boolean;
  /** Whether another version of it is there. */
  readonly isOther: boolean;
}

/**
 * Reads what `to` has of a session and compares it with what would be stored there, of which it is enough to name a store
 * that has it. Nothing is written. @throws what a copy would throw
 */
export async function compared(
  cli: Cli,
  to: AddressedStore,
  session: string,
  call: Omit<CopySessionOptions, "to" | "session" | "replace" | "signal">,
): Promise<Compared> {
  const { signal } = cli;
  const there = await to.facts({ session, signal });
  if (!isThere(there)) return { there, unchanged: false, isOther: false };
  try {
    // Where it is there, a copy that replaces nothing never comes to writing.
    await copySession({ ...call, to: readOnly(to), session, replace: false, signal });
    return { there, unchanged: true, isOther: false };
  } catch (error) {
    if (!isVaultError(error, "CONFLICT") || !hasAnotherVersion(error)) throw error;
    return { there, unchanged: false, isOther: true };
  }
}

/** A store of which a copy can look at sessions and records only. */
function readOnly(store: Vault): SessionStore {
  const refuse = (): never => {
    throw new VaultError("CONFLICT", "The target has changed meanwhile.", { hint: "Nothing was changed. Try again." });
  };
  const looks: SessionStore & Pick<Vault, "state" | "peekRecords"> = {
    sessionExists: (call) => store.sessionExists(call),
    extract: (call) => store.extract(call),
    state: (call) => store.state(call),
    peekRecords: (call) => store.peekRecords(call),
    save: refuse,
    delete: refuse,
  };
  return Object.assign(looks, { openRecords: refuse });
}

/** What a dry run tells programs of the target. */
export function comparedJson({ there, unchanged, isOther }: Compared, replaces: boolean): object {
  return { unchanged, there: thereJson(there), replaces: isOther && replaces };
}

/** What it tells a person, after a sentence that says what would be done. */
export function comparedWords(
  cli: Cli,
  { there, isOther }: Compared,
  options: ReplaceOptions,
  isOneOfSeveral: boolean,
): string {
  if (!isOther || !there) return "";
  return ` ${sessionWords(there)} is there, another version: ${replaceWords(cli, options, isOneOfSeveral)}.`;
}
