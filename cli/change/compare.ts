import type { AddressedStore } from "../../address/store-from-url.ts";
import { phoneOfStored } from "../../lib/copy-session/phone.ts";
import { type CopySessionOptions, copySession } from "../../lib/copy-session.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { SessionFacts } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import type { Cli } from "../cli.ts";
import { isThere, thereJson } from "../look/facts-json.ts";
import { hasAnotherVersion, type ReplaceOptions, replacesAtOnce, replaceWords } from "./replace.ts";
import { sessionWords } from "./session.ts";
import { viewOf } from "./store-view.ts";

/** What a copy may call of a store that it only looks at. */
const LOOKS: readonly string[] = ["sessionExists", "extract", "state", "peekRecords"];

/** What a dry run has found in the store that a session would go to. */
export interface Compared {
  /** What is there; `undefined` when nothing was ever written. */
  readonly there: SessionFacts | undefined;
  /** Whether the session is there, exactly so. */
  readonly unchanged: boolean;
  /** Whether another version of it is there. */
  readonly isOther: boolean;
  /** Whether that version is of another phone, as far as both tell. */
  readonly isOtherPhone: boolean;
}

/** The options of commands that replace the session of another phone only when that is said as well. */
export interface PhoneOptions extends ReplaceOptions {
  readonly otherPhone?: boolean;
}

/**
 * Reads and checks what would be stored in `to`, and compares it with what `to` has of the session. Nothing is written.
 * @throws what a copy would throw
 */
export async function compared(
  cli: Cli,
  to: AddressedStore,
  session: string,
  call: Omit<CopySessionOptions, "to" | "session" | "replace" | "signal"> & { readonly from: Vault },
): Promise<Compared> {
  const { signal } = cli;
  const there = await to.facts({ session, signal });
  const same = { there, unchanged: true, isOther: false, isOtherPhone: false };
  const refusal = new VaultError("CONFLICT", "The target has changed meanwhile.", {
    hint: "Nothing was changed. Try again.",
  });
  const refuse = (): never => {
    throw refusal;
  };
  try {
    // Where it is there, a copy that replaces nothing never comes to writing; elsewhere it does once the source is checked.
    const looked = viewOf(to, (name) => (LOOKS.includes(name) ? undefined : refuse));
    await copySession({ ...call, to: looked, session, replace: false, signal });
    return same;
  } catch (error) {
    if (error === refusal && !isThere(there)) return { ...same, unchanged: false };
    if (!isVaultError(error, "CONFLICT") || !hasAnotherVersion(error)) throw error;
    const source = { store: call.from, session: call.fromSession ?? session };
    const isOtherPhone = await areOfTwoPhones(source, { store: to, session }, signal);
    return { there, unchanged: false, isOther: true, isOtherPhone };
  }
}

/** A session of a store. */
export interface StoredSession {
  readonly store: Vault;
  readonly session: string;
}

/** Whether two sessions are those of two phones; `false` where one of them does not tell. */
export async function areOfTwoPhones(one: StoredSession, other: StoredSession, signal: AbortSignal): Promise<boolean> {
  const phone = await phoneOfStored(one.store, one.session, signal);
  if (phone === undefined) return false;
  const theirs = await phoneOfStored(other.store, other.session, signal);
  return theirs !== undefined && theirs !== phone;
}

/** What a dry run tells programs of the target. */
export function comparedJson(
  { there, unchanged, isOther, isOtherPhone }: Compared,
  options: PhoneOptions,
  isOneOfSeveral: boolean,
): object {
  const isWanted = replacesAtOnce(options, isOneOfSeveral) && (!isOtherPhone || options.otherPhone === true);
  return { unchanged, there: thereJson(there), otherPhone: isOtherPhone, replaces: isOther && isWanted };
}

/** What it tells a person, after a sentence that says what would be done. */
export function comparedWords(
  cli: Cli,
  { there, isOther, isOtherPhone }: Compared,
  options: PhoneOptions,
  isOneOfSeveral: boolean,
): string {
  if (!isOther || !there) return "";
  const what = isOtherPhone ? "the session of another phone" : "another version";
  return ` ${sessionWords(there)} is there, ${what}: ${endWords(cli, isOtherPhone, options, isOneOfSeveral)}.`;
}

/** What would become of what is there: whether it would be replaced, asked about or refused. */
export function endWords(cli: Cli, isOtherPhone: boolean, options: PhoneOptions, isOneOfSeveral: boolean): string {
  if (isOtherPhone && !options.otherPhone) return "it would be refused without `--other-phone`";
  return replaceWords(cli, options, isOneOfSeveral);
}
