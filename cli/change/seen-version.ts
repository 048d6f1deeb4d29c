import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { SessionFacts } from "../../lib/store.ts";
import type { Cli } from "../cli.ts";
import { type ReplaceOptions, unlessReplaced } from "./replace.ts";
import { sessionWords } from "./session.ts";
import { viewOf } from "./store-view.ts";

type Records = ReadonlyMap<string, Buffer>;

/** What a store has of a session, as a person is shown it. */
interface Seen {
  readonly facts: SessionFacts | undefined;
  /** Of a session of Baileys; `undefined` when they are damaged. */
  readonly records?: Records | undefined;
}

/** Where a session goes to. */
export interface Target {
  readonly store: AddressedStore;
  readonly session: string;
}

/**
 * As {@link unlessReplaced}, for a session of a store: a person is asked about what the store has by then, and a yes is for
 * that alone: what a bot has saved while the question was open is not replaced.
 * @param question of the words for what is there; `undefined` where nobody is asked
 * @param work gets the store to write to
 * @throws `CONFLICT` also when the store has another version by the time of the answer
 */
export async function unlessSeenReplaced<T>(
  cli: Cli,
  { store, session }: Target,
  question: ((there: string) => string | Promise<string>) | undefined,
  options: ReplaceOptions,
  work: (replace: boolean, to: AddressedStore) => Promise<T>,
): Promise<T> {
  let to = store;
  const ask = async (): Promise<string> => {
    const seen = await lookAt(cli, { store, session });
    to = replacingOnly(store, session, seen);
    return (await question?.(seen.facts ? sessionWords(seen.facts) : session)) ?? "";
  };
  return await unlessReplaced(cli, question && ask, options, (replace) => work(replace, to));
}

async function lookAt(cli: Cli, { store, session }: Target): Promise<Seen> {
  const call = { session, signal: cli.signal };
  if ((await store.state(call))?.kind !== "records") return { facts: await store.facts(call) };
  // Before the facts: what is shown is never older than what may be replaced.
  const records = await store.peekRecords(call).catch((error: unknown) => {
    if (isVaultError(error, "CORRUPT")) return undefined;
    throw error;
  });
  return { facts: await store.facts(call), records };
}

/** The store, in which nothing but what was seen is replaced. */
function replacingOnly(store: AddressedStore, session: string, { facts, records }: Seen): AddressedStore {
  const current = facts?.deleted ? null : (facts?.saved?.id ?? null);
  const save: AddressedStore["save"] = (call) => store.save({ ...call, current });
  const replaceRecords: AddressedStore["replaceRecords"] = ({ check = () => {}, ...call }) => {
    const checkSeen = (found: Records | undefined): void => {
      if (!areSame(found, records)) throw storedMeanwhile(session);
      check(found);
    };
    return store.replaceRecords({ ...call, check: checkSeen });
  };
  return viewOf(store, (name) => (name === "save" ? save : name === "replaceRecords" ? replaceRecords : undefined));
}

function areSame(one: Records | undefined, other: Records | undefined): boolean {
  if (!one || !other) return one === other;
  return one.size === other.size && [...one].every(([key, value]) => other.get(key)?.equals(value) === true);
}

function storedMeanwhile(session: string): VaultError {
  return new VaultError("CONFLICT", `Could not replace ${session}: it has changed since you were asked.`, {
    hint: "Nothing was changed. Look at it with `wa-vault show`, and run the command again.",
  });
}
