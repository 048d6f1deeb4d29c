import { randomBytes } from "node:crypto";
import { Mutex } from "../async/mutex.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { Lease } from "../store.ts";
import type { VaultContext } from "./context.ts";
import type { Entry, EntryKind, LogState } from "./entry.ts";
import { encodeFrame } from "./frame.ts";
import { Generations } from "./generations.ts";
import { sessionKey } from "./layout.ts";
import { SessionLog } from "./log.ts";
import { OpenAppends } from "./pending-appends.ts";
import { Uploads } from "./uploads.ts";

/** What the next entry says that the one before it did not. */
export interface Draft
  extends Partial<Pick<Entry, "content" | "live" | "since" | "deleted" | "manifest" | "manifestChunks">> {
  readonly kind: EntryKind;
}

/** What is known of an entry before it is drafted. */
export type EntryFacts = Pick<Entry, "n" | "id" | "epoch" | "by" | "at">;

/** How often somebody else may come first while the session is being taken. */
const TRIES = 20;

/** The right to write a session, won with a `hold` entry; and what its holder knows of the log. */
export class VaultLease implements Lease {
  readonly session: string;
  readonly epoch: number;
  readonly log: SessionLog;
  readonly generations: Generations;
  readonly uploads: Uploads;
  readonly open: OpenAppends = new OpenAppends();
  /** By path, what the last save of this lease read: the identity it had then and the hashes of its pieces. */
  readonly filesRead: Map<string, { identity: string; cut: number; hashes: readonly string[] }> = new Map();
  /** Entries this holder has deleted. */
  readonly deletedEntries: Set<number> = new Set();
  /** Entries that this holder knows and the backend has lost. */
  readonly missedEntries: Set<number> = new Set();
  /** Whether leftovers of holders before this one may still lie about. */
  sweepDue = true;
  readonly #context: VaultContext;
  readonly #lost = new AbortController();
  #state: LogState;
  #released = false;
  readonly #operations: Mutex = new Mutex();

  private constructor(context: VaultContext, log: SessionLog, hold: Entry) {
    this.#context = context;
    this.session = log.session;
    this.epoch = hold.epoch;
    this.log = log;
    this.#state = hold;
    this.generations = new Generations(context, log);
    this.uploads = new Uploads(log.session, hold.epoch);
  }

  /**
   * Takes the session: a `hold` entry, which counts once a second listing shows it as the newest.
   * @param open what may still arrive of the hold before; a hold that was given up is added where that matters.
   */
  static async take(
    context: VaultContext,
    session: string,
    signal?: AbortSignal,
    open: OpenAppends = new OpenAppends(),
  ): Promise<VaultLease> {
    const { exclusiveCreate } = await context.traits(signal);
    const log = new SessionLog(context.blobs, session, exclusiveCreate);
    for (let tries = 0; tries < TRIES; tries++) {
      const newest = await log.newest(signal);
      const state = newest ?? EMPTY;
      const n = nextNumber(log, state, open);
      const hold = nextEntry(state, { kind: "hold" }, nextFacts(n, state.epoch + 1, context.by));
      const { committed } = await log.append(hold, signal).catch((error: unknown) => {
        if (!exclusiveCreate) open.add(hold);
        throw error;
      });
      if (!committed || (await log.newestNumber(signal)) !== hold.n) continue;
      if (state.content === 0) await announce(context, session, signal);
      return new VaultLease(context, log, hold);
    }
    throw new VaultError("UNAVAILABLE", `Could not take ${session}: others kept taking it at the same moment.`);
  }

  /** Whether the vault with this context gave it. */
  isOf(context: VaultContext): boolean {
    return context === this.#context;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The newest entry that is known to be in the log. */
  get state(): LogState {
    return this.#state;
  }

  /** Whether no entry is on its way that might still arrive: only then may anything be deleted. */
  get settled(): boolean {
    return this.open.none;
  }

  async release(): Promise<void> {
    this.#released = true;
  }

  /** Runs `work` once everything before it on this lease has ended. @throws `LEASE_LOST` */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const checked = (): Promise<T> => {
      this.assertHeld();
      return work();
    };
    return await this.#operations.run(checked, signal);
  }

  /** @throws `LEASE_LOST` when the session was taken, or the lease given back. */
  assertHeld(): void {
    this.#lost.signal.throwIfAborted();
    if (this.#released) throw new VaultError("LEASE_LOST", `The lease of ${this.session} was released.`);
  }

  /** Learns how an append ended that was reported as failed. Call before building on {@link state}. */
  async settle(signal?: AbortSignal): Promise<void> {
    if (!this.settled) await this.look(signal);
  }

  /**
   * Makes sure, before anything is deleted, that the newest entry is the one this holder knows: that none follows, and
   * that the number holds this one. (A store that has lost a hold gives number and epoch to the next one.)
   * @throws `LEASE_LOST` when it is not.
   */
  async confirm(signal?: AbortSignal): Promise<void> {
    const { n, id } = this.#state;
    // Without exclusive create two tries of one holder may have met here.
    const found = this.log.exclusiveCreate ? await this.#readOwn(n, signal) : undefined;
    if (found && found.id !== id) this.#lose(found);
    await this.look(signal);
  }

  /** An entry that is there as far as can be seen: what is missing or damaged is dealt with elsewhere. */
  async #readOwn(n: number, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    try {
      return await this.log.read(n, signal);
    } catch (error) {
      if (isVaultError(error, "CORRUPT")) return undefined;
      throw error;
    }
  }

  /** Looks whether the next entry is there. @throws `LEASE_LOST` when it is somebody else's */
  async look(signal?: AbortSignal): Promise<void> {
    for (const n of await this.#followers(signal)) {
      const taken = await this.log.read(n, signal);
      if (taken) this.#adopt(taken);
    }
  }

  /** Where an entry may follow the newest one that is known, in order. */
  async #followers(signal: AbortSignal | undefined): Promise<number[]> {
    const { n } = this.#state;
    if (nextNumber(this.log, this.#state, this.open) === n + 1) return [n + 1];
    const numbers = await this.log.numbers(signal);
    return numbers.filter((number) => number > n).sort((a, b) => a - b);
  }

  /**
   * Appends the entry that `draft` makes of the newest state, nothing when it makes none. But where an entry of ours is
   * still on its way, one that changes nothing takes its number: what there was nothing to do about shall stay so.
   * `isFinal: false` where that does not matter: then what is on its way may arrive.
   * @returns the bytes sent.
   * @throws `LEASE_LOST`; anything else leaves open whether the entry is or will be in the log.
   */
  async commit(
    draft: (state: LogState, next: EntryFacts) => Draft | undefined,
    signal?: AbortSignal,
    { isFinal = true }: { isFinal?: boolean } = {},
  ): Promise<number> {
    await this.settle(signal);
    for (;;) {
      const { content } = this.#state;
      const live = this.#state.live.filter(({ n }) => n === content || !this.missedEntries.has(n));
      const state = { ...this.#state, live };
      const facts = nextFacts(nextNumber(this.log, state, this.open), this.epoch, this.#context.by);
      const wanted = draft(state, facts);
      if (!wanted && (this.settled || !isFinal)) {
        await this.look(signal);
        return 0;
      }
      const drafted: Draft = wanted ?? { kind: "retained" };
      const dead = state.dead.filter((n) => !this.deletedEntries.has(n));
      const entry = nextEntry({ ...state, dead: [...dead, ...this.open.below(facts.n)] }, drafted, facts);
      const isFirst = this.settled;
      this.open.add(entry);
      const result = await this.log.append(entry, signal);
      if (!result.committed) {
        this.#adopt(result.taken);
        continue;
      }
      this.open.close(entry.n);
      this.#state = withoutManifest(entry);
      if (entry.manifest) this.generations.remember(entry);
      // Between two puts somebody may have taken the session after the first, and pruned that: the number was free again.
      if (!isFirst || !result.atOnce) await this.look(signal);
      return result.bytes;
    }
  }

  /** The number after ours is taken: by an entry of our own that arrived late, or by whoever holds the session now. */
  #adopt(taken: Entry): void {
    const isOurs = this.open.has(taken.id) && taken.epoch === this.epoch;
    this.open.close(taken.n);
    if (!isOurs) this.#lose(taken);
    this.#state = withoutManifest(taken);
  }

  #lose({ by }: Entry): never {
    const hint = "Run one process per session.";
    this.#lost.abort(new VaultError("LEASE_LOST", `The session ${this.session} was taken over by ${by}.`, { hint }));
    throw this.#lost.signal.reason;
  }
}

const EMPTY: LogState = {
  n: 0,
  id: "",
  epoch: 0,
  kind: "hold",
  by: "",
  at: 0,
  content: 0,
  live: [],
  dead: [],
  salt: "",
};

/**
 * Number of the entry after `state`. Without exclusive create one that was given up is never used again: what is still on
 * its way there would replace what was committed meanwhile.
 */
function nextNumber({ exclusiveCreate }: SessionLog, { n }: LogState, open: OpenAppends): number {
  return (exclusiveCreate ? n : Math.max(n, open.last)) + 1;
}

function nextFacts(n: number, epoch: number, by: string): EntryFacts {
  return { n, id: randomBytes(16).toString("hex"), epoch, by, at: Date.now() };
}

function nextEntry(state: LogState, draft: Draft, facts: EntryFacts): Entry {
  const { live = state.live, content = state.content } = draft;
  const kept = new Set(live.map(({ n }) => n));
  // A hold stays for a month: it is what stops a writer that was paused before it.
  const superseded = [...state.live.map(({ n }) => n), ...(state.kind === "hold" ? [] : [state.n])];
  const dead = new Set([...state.dead, ...superseded].filter((n) => !kept.has(n)));
  return {
    since: state.since,
    deleted: state.deleted,
    ...draft,
    ...facts,
    content,
    live,
    dead: [...dead].sort((a, b) => a - b),
    salt: state.salt || randomBytes(16).toString("hex"),
  };
}

function withoutManifest({ manifest: _, manifestChunks: __, ...state }: Entry): LogState {
  return state;
}

/**
 * Makes the session known, to listings and to whoever finds its log empty. After its first entry, so that only a lost log
 * is ever empty; before anything is saved, so that no saved session is ever missing.
 */
async function announce({ blobs }: VaultContext, session: string, signal: AbortSignal | undefined): Promise<void> {
  const frame = await encodeFrame("session", Buffer.from(JSON.stringify({ session })));
  await blobs.put(sessionKey(session), frame, { signal });
}
