import type { CopyReport, CopySessionOptions } from "../copy-session.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { SessionState, SessionStore } from "../store.ts";
import { sessionName } from "../vault/layout.ts";
import type { Vault } from "../vault/vault.ts";
import { absentIn } from "./absent-session.ts";
import { otherVersionError } from "./other-version.ts";
import { otherPhoneError, phoneOfRecords } from "./phone.ts";
import type { StoreCalls } from "./store-calls.ts";

/** A store that has sessions of records, and one that takes them. */
type RecordSource = SessionStore & Pick<Vault, "state" | "peekRecords">;
type RecordTarget = SessionStore & Pick<Vault, "peekRecords" | "replaceRecords">;
type Records = ReadonlyMap<string, Buffer>;

/** Copies a session of records; `undefined` when the source has no such session. */
export async function copyRecords(options: CopySessionOptions, calls: StoreCalls): Promise<CopyReport | undefined> {
  const { from, to, session, fromSession = session } = options;
  if (!hasAll<RecordSource>(from, ["state", "peekRecords"])) return undefined;
  const state = await calls.ask("read from the source", () => from.state({ session: fromSession }));
  if (state?.kind !== "records") return undefined;
  if (hasAll<RecordTarget>(to, ["peekRecords", "replaceRecords"]))
    return await new RecordsCopy(options, { from, to, fromSession }, calls).run(state);
  throw new VaultError("INVALID", `Could not copy ${session}: the target cannot keep a session of Baileys.`, {
    hint: "A session of Baileys has records, and no profile that a zip could hold: copy it to a store of this package.",
  });
}

function hasAll<T extends SessionStore>(store: SessionStore, methods: readonly (keyof T & string)[]): store is T {
  return methods.every((method) => typeof Reflect.get(store, method) === "function");
}

class RecordsCopy {
  readonly #options: CopySessionOptions;
  readonly #from: RecordSource;
  readonly #to: RecordTarget;
  readonly #fromSession: string;
  readonly #session: string;
  readonly #calls: StoreCalls;

  constructor(
    options: CopySessionOptions,
    { from, to, fromSession }: { from: RecordSource; to: RecordTarget; fromSession: string },
    calls: StoreCalls,
  ) {
    this.#options = options;
    this.#from = from;
    this.#to = to;
    this.#fromSession = fromSession;
    this.#session = sessionName(options.session);
    this.#calls = calls;
  }

  /** @param before the state of the source */
  async run(before: SessionState): Promise<CopyReport> {
    const { replace = false, otherPhone = false } = this.#options;
    const began = performance.now();
    this.#tell("reading");
    this.#refuseHeld(before);
    const source = await this.#read("source");
    if (!source || source.size === 0) {
      throw await absentIn(this.#from, [this.#fromSession], this.#options.signal);
    }
    this.#tell("checking", source);
    await this.#refuseChanged(before);
    const owner = before.lease?.owner;
    const report = (unchanged: boolean): CopyReport => ({
      session: this.#session,
      fromSession: this.#fromSession,
      ...sizeOf(source),
      unchanged,
      skipped: [],
      ...(owner === undefined ? {} : { heldBy: owner }),
      ms: performance.now() - began,
    });
    const there = await this.#readBefore();
    const difference = there === "damaged" ? there : there ? differenceOf(source, there) : "absent";
    if (difference === undefined) return report(true);
    if (difference !== "absent" && !replace) throw otherVersionError(this.#session, difference);
    if (there instanceof Map && !otherPhone) await this.#refuseOtherPhone(source, there);
    this.#tell("writing", source);
    await this.#calls.askAndEnd("write to the target", () => this.#write(source, there));
    this.#tell("comparing", source);
    const now = differenceOf(source, (await this.#read("target")) ?? new Map());
    if (now === undefined) return report(false);
    const message = `The target returned another ${this.#session} than it was given: ${now}.`;
    throw new VaultError("CORRUPT", message, { hint: "The source is as it was. Check the target, and copy again." });
  }

  /** @throws `LEASE_HELD` when a process has the session in the source. */
  #refuseHeld({ lease }: SessionState): void {
    if (!lease || this.#options.force) return;
    const since = lease.since.toISOString();
    throw new VaultError("LEASE_HELD", `Could not copy ${this.#fromSession}: ${lease.owner} has it since ${since}.`, {
      hint: "Nothing was copied. Stop that bot: two bots with one session of Baileys use the same keys, and break it. `force` copies the session of a process that is gone for certain.",
      owner: lease.owner,
    });
  }

  /** @throws `LEASE_HELD` or `CONFLICT` when somebody has taken or changed the session while it was read. */
  async #refuseChanged({ entry }: SessionState): Promise<void> {
    if (this.#options.force) return;
    const session = this.#fromSession;
    const state = await this.#calls.ask("read from the source", () => this.#from.state({ session }));
    if (state) this.#refuseHeld(state);
    if (state?.entry === entry) return;
    throw new VaultError("CONFLICT", `Could not copy ${session}: it has changed while it was read.`, {
      hint: "Nothing was copied. Stop every bot of this session, and copy again.",
    });
  }

  /** @throws `CONFLICT` when both sessions tell whose they are, and the one in the target is of another phone */
  async #refuseOtherPhone(source: Records, there: Records): Promise<void> {
    const own = await phoneOfRecords(source, this.#fromSession);
    const other = await phoneOfRecords(there, this.#session);
    if (own === undefined || other === undefined || own === other) return;
    throw otherPhoneError(this.#session, this.#fromSession);
  }

  async #read(side: "source" | "target"): Promise<Records | undefined> {
    const [store, session] = side === "source" ? [this.#from, this.#fromSession] : [this.#to, this.#session];
    return await this.#calls.ask(`read from the ${side}`, () => store.peekRecords({ session, ...this.#call }));
  }

  /** What the target has before anything is written; `undefined` when nothing. */
  async #readBefore(): Promise<Records | "damaged" | undefined> {
    try {
      return await this.#read("target");
    } catch (error) {
      if (isVaultError(error, "CORRUPT")) return "damaged";
      throw error;
    }
  }

  /**
   * Makes the records those of the target. What was there before can be brought back by hand.
   * @throws `CONFLICT` when somebody has stored others since `there` was read
   */
  async #write(records: Records, there: Records | "damaged" | undefined): Promise<void> {
    const session = this.#session;
    const check = (found: Records | undefined): void => {
      const isSeen =
        there === "damaged" || !found
          ? there === "damaged" && !found
          : differenceOf(there ?? new Map(), found) === undefined;
      if (!isSeen) throw storedMeanwhile(session);
    };
    await this.#to.replaceRecords({ session, records, check, ...this.#call });
  }

  get #call(): { signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal ? { signal } : {};
  }

  #tell(step: "reading" | "checking" | "writing" | "comparing", records?: Records): void {
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.({ step, session: this.#session, ...(records ? sizeOf(records) : {}) });
  }
}

function storedMeanwhile(session: string): VaultError {
  return new VaultError("CONFLICT", `Could not save ${session}: another version has become the current one.`, {
    hint: "It was stored a moment ago, and stays the current one. Look at it before you replace it.",
  });
}

function sizeOf(records: Records): { files: number; bytes: number } {
  return { files: records.size, bytes: [...records.values()].reduce((sum, { length }) => sum + length, 0) };
}

/** In words without any key, which may be a phone number; `undefined` when they are equal. */
function differenceOf(expected: Records, actual: Records): string | undefined {
  const keys = new Set([...expected.keys(), ...actual.keys()]);
  const same = [...keys].filter((key) => {
    const [one, other] = [expected.get(key), actual.get(key)];
    return one !== undefined && other !== undefined && one.equals(other);
  });
  return same.length === keys.size ? undefined : `${keys.size - same.length} of ${keys.size} records differ`;
}
