import type { Command } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Lease } from "../../lib/store.ts";
import type { Cli } from "../cli.ts";
import { durationOf } from "../duration.ts";
import { commandWords, type NamedStore } from "../link/copied-calls.ts";

/** The option of every command that takes a session. */
export interface WaitOptions {
  /** In milliseconds. */
  readonly wait?: number;
  /** The address of the store, as the person gave it. */
  readonly store?: string;
}

/** A session that another process may have, as the calls that a person copies name it. */
export interface HeldSession extends NamedStore {
  readonly session: string;
}

/** Adds the option of every command that takes a session. */
export function withWait(command: Command): Command {
  return command.option(
    "--wait <duration>",
    "wait for a bot that has the session, as `90s` or `5min`",
    durationOf("--wait"),
  );
}

/** Takes the session, does `work` under its lease, and gives it back. @throws `LEASE_HELD`, saying what to do */
export async function underLease<T>(
  cli: Cli,
  { store, session }: { store: AddressedStore; session: string },
  { wait = 0, store: given }: WaitOptions,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  return await sayingHowToWait({ session, store: given }, async () => {
    const lease = await store.acquire({ session, waitMs: wait, signal: cli.signal });
    try {
      return await work(lease);
    } finally {
      await lease.release();
    }
  });
}

/** Waits until no bot has the session, where there is one. @throws `LEASE_HELD`, saying what to do */
export async function untilFree(
  cli: Cli,
  place: { store: AddressedStore; session: string },
  options: WaitOptions,
): Promise<void> {
  if (!options.wait) return;
  const { store, session } = place;
  const state = await store.state({ session, signal: cli.signal });
  if (state?.lease) await underLease(cli, place, options, async () => {});
}

/** Does `work`; an error that says who has the session says as well what a person at a terminal can do. */
export async function sayingHowToWait<T>(held: HeldSession, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isVaultError(cause, "LEASE_HELD")) throw cause;
    throw heldError(cause, held);
  }
}

/** The same `LEASE_HELD`; its hint says what a person at a terminal can do. */
export function heldError(cause: VaultError, { session, ...store }: HeldSession): VaultError {
  const { message, owner, expiresAt } = cause;
  return new VaultError("LEASE_HELD", message, {
    cause,
    hint:
      "Nothing was changed. Stop that bot, or wait for it: `--wait 5min`. If its machine is gone, " +
      `\`${commandWords(["unlock", session], store)}\` ends what it has left.`,
    owner,
    ...(expiresAt ? { expiresAt } : {}),
  });
}
