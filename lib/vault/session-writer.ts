import { Mutex } from "../async/mutex.ts";
import { VaultError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { VaultContext } from "./context.ts";
import type { Entry, EntryName, LogState } from "./entry.ts";
import { type Draft, type EntryFacts, entryAfter, entryFacts, stateAfter } from "./entry-draft.ts";
import { Generations } from "./generations.ts";
import { holdFolder } from "./layout.ts";
import type { SessionLog } from "./log.ts";
import { type Moment, NewestProof } from "./newest-proof.ts";
import { PendingAppends } from "./pending-appends.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";
import { WriterMemory } from "./writer-memory.ts";

/** How often the log is listed at most, when entries vanish that were listed. */
const LISTINGS = 5;

/** Is told of each entry of one holder. */
export interface AppendListener {
  /** The entry of this writer is the newest one that is known; another holder may have come before it was read. */
  appended(entry: EntryName): void;
  /** All entries that were appended are in the log for good: none of another holder had come before them. */
  confirmed(): void;
  /** An entry was appended by more than one put: the store has not answered meanwhile. */
  retried(): void;
}

/** Appends entries to the log of one session, for as long as one holder has it. */
export class SessionWriter {
  readonly log: SessionLog;
  /** Of all that this writer stores beside the log. */
  readonly folder: string;
  readonly generations: Generations;
  readonly memory: WriterMemory;
  readonly pending: PendingAppends = new PendingAppends();
  /** The entry that gave the session to this writer. */
  readonly hold: LogState;
  /** Is told of all entries but the hold. */
  listener: AppendListener | undefined;
  /** When the newest entry of this writer was sent, without the hold. */
  appendedAt: Moment | undefined;
  readonly #by: string;
  readonly #clock: Clock;
  readonly #leaseLost: (taken: Entry) => never;
  /** Held by a commit: a sign of life comes whatever else this holder does. */
  readonly #commits = new Mutex();
  #state: LogState;
  /** When the log's clock stood at the time in the state, in milliseconds of the monotonic clock; never too early. */
  #stateAtMs: number;
  /** That the state is the newest one. */
  readonly #proof: NewestProof;

  /**
   * @param hold the entry that gave the session to this writer.
   * @param leaseLost called with an entry of another holder; throws `LEASE_LOST`.
   * @param seen no later than the listing that has shown the hold as the newest entry. Default: now
   */
  constructor(
    context: VaultContext,
    log: SessionLog,
    hold: Entry,
    leaseLost: (taken: Entry) => never,
    seen: Moment = NewestProof.now(context.clock),
  ) {
    this.log = log;
    this.folder = holdFolder(hold);
    this.generations = new Generations(context, log);
    this.memory = new WriterMemory(log.session, this.folder);
    this.hold = stateAfter(hold);
    this.#by = context.by;
    this.#clock = context.clock;
    this.#leaseLost = leaseLost;
    this.#state = this.hold;
    this.#stateAtMs = seen.monotonicMs;
    this.#proof = new NewestProof(this.#clock, seen);
  }

  /** The state after the newest entry that is known to be in the log. */
  get state(): LogState {
    return this.#state;
  }

  /**
   * Learns the outcome of pending appends, as far as the log shows it, and whether another holder has come while this
   * process was idle or paused. To be called before building on {@link state}.
   * @throws `LEASE_LOST`
   */
  async catchUp(signal?: AbortSignal): Promise<void> {
    if (this.#proof.isOld || !this.pending.isEmpty) await this.look(signal);
  }

  /**
   * Makes sure, before anything is deleted, that the number of the newest entry holds the entry that this writer knows: a
   * store that has lost a hold gives its number and epoch to the next one. {@link listed} looks for the entries after it.
   * @returns the state after that entry; `undefined` while an append is pending. @throws `LEASE_LOST`
   */
  async confirm(signal?: AbortSignal): Promise<LogState | undefined> {
    return await this.#commits.run(async () => {
      const { n, id } = this.#state;
      // Without exclusive create two appends of one holder may have met at this number.
      const found = this.log.exclusiveCreate ? await unlessCorrupt(this.log.read(n, signal)) : undefined;
      if (found && found.id !== id) this.#leaseLost(found);
      if (!this.pending.isEmpty) await this.look(signal);
      return this.pending.isEmpty ? this.#state : undefined;
    }, signal);
  }

  /** To be called with the numbers of a listing that was asked for at this moment: as {@link look}, without one more. */
  async listed(numbers: readonly number[], asked: Moment, signal?: AbortSignal): Promise<void> {
    if (numbers.every((n) => n <= this.#state.n)) this.#proof.listed(asked);
    else await this.#list(signal);
  }

  /** Reads the entries after the newest one that is known. @throws `LEASE_LOST` when one is another holder's */
  async look(signal?: AbortSignal): Promise<void> {
    const isGap = this.pending.numberAfter(this.#state.n, this.log) !== this.#state.n + 1;
    if (this.#proof.isOld || isGap) await this.#list(signal);
    else await this.#readOn(signal);
    this.listener?.confirmed();
  }

  /**
   * Reads the entries after the newest one that is known, also while a commit is under way: an entry of this writer is
   * left to the commit, which learns of it by itself.
   * @throws `LEASE_LOST` when an entry is another holder's; any other error says nothing about the lease.
   */
  async lookBeside(signal?: AbortSignal): Promise<void> {
    const asked = NewestProof.now(this.#clock);
    const isFound = async (n: number): Promise<boolean> => {
      const found = await this.log.readFollower(n, signal);
      // Up to the newest entry that is known by now, the commit has read for itself.
      if (found && n > this.#state.n && !this.#isOwn(found)) this.#leaseLost(found);
      return found !== undefined;
    };
    if (this.#proof.isOld) {
      for (const n of await this.log.numbers(signal)) {
        // What was listed and is gone was pruned by another holder: the next look finds a newer entry of it.
        if (n > this.#state.n && !(await isFound(n))) return;
      }
      return this.#proof.listed(asked);
    }
    for (let n = this.#state.n + 1; ; n++) {
      if (!(await isFound(n)) && this.#isLast(n)) return this.#proof.looked(asked);
    }
  }

  /**
   * Appends the entry that `draft` makes of the newest state; no entry when it returns `undefined`. Waits for a commit that
   * is under way. If an earlier append is still pending then, an entry that changes nothing takes its number, so that it
   * cannot take effect later.
   * @param options.isFinal `false` where a pending append may take effect later. @default true
   * @returns the bytes sent.
   * @throws `LEASE_LOST`; after any other error the append is pending: its entry is, or will be, in the log, or not.
   */
  async commit(
    draft: (state: LogState, next: EntryFacts) => Draft | undefined,
    signal?: AbortSignal,
    { isFinal = true }: { isFinal?: boolean } = {},
  ): Promise<number> {
    return await this.#commits.run(() => this.#commit(draft, signal, isFinal), signal);
  }

  /** As {@link commit}, while no other commit is under way. */
  async #commit(
    draft: (state: LogState, next: EntryFacts) => Draft | undefined,
    signal: AbortSignal | undefined,
    isFinal: boolean,
  ): Promise<number> {
    await this.catchUp(signal);
    for (;;) {
      const state = this.memory.withoutMissing(this.#state);
      const asked = NewestProof.now(this.#clock);
      const facts = {
        ...entryFacts(this.pending.numberAfter(state.n, this.log), state.epoch, this.#by, this.#clock.wallMs()),
        uptimeMs: (state.uptimeMs ?? 0) + Math.max(0, Math.floor(asked.monotonicMs - this.#stateAtMs)),
      };
      let wanted: Draft | undefined;
      try {
        wanted = draft(state, facts);
      } catch (error) {
        // A refusal is as old as the state that it was made of.
        await this.look(signal);
        if (this.#state.n !== state.n) continue;
        throw error;
      }
      if (!wanted && (this.pending.isEmpty || !isFinal)) {
        await this.look(signal);
        return 0;
      }
      const dead = [...this.memory.undeleted(state.dead), ...this.pending.below(facts.n)];
      const entry = entryAfter({ ...state, dead }, wanted ?? { kind: "retained" }, facts);
      const isOnlyAppend = this.pending.isEmpty;
      this.pending.add(entry);
      const result = await this.log.append(entry, signal);
      if (!result.committed) {
        this.#adopt(result.taken);
        continue;
      }
      this.pending.resolve(entry.n);
      this.#state = stateAfter(entry);
      this.#stateAtMs = asked.monotonicMs;
      this.#proof.looked(asked);
      this.generations.remember(entry);
      this.appendedAt = asked;
      this.listener?.appended(entry);
      if (!result.atOnce) this.listener?.retried();
      // Between two puts another holder may have taken the session and pruned the first one: its number was free again.
      if (!isOnlyAppend || !result.atOnce || this.#proof.isOld) await this.look(signal);
      else this.listener?.confirmed();
      return result.bytes;
    }
  }

  /**
   * Makes sure that the state is the newest one and stays so until the next commit of this writer: an append that is still
   * pending loses its number to an entry that changes nothing.
   * @returns the bytes sent. @throws `LEASE_LOST`
   */
  async settle(signal?: AbortSignal): Promise<number> {
    return this.commit(() => undefined, signal);
  }

  /** As {@link look}, number by number. */
  async #readOn(signal: AbortSignal | undefined): Promise<void> {
    const asked = NewestProof.now(this.#clock);
    for (let n = this.#state.n + 1; ; n++) {
      const found = await this.log.readFollower(n, signal);
      if (found) this.#adopt(found);
      else if (this.#isLast(n)) return this.#proof.looked(asked);
    }
  }

  /** As {@link look}, by a listing: shows another holder also where its first entries are gone again. */
  async #list(signal: AbortSignal | undefined): Promise<void> {
    for (let listings = 0; listings < LISTINGS; listings++) {
      const asked = NewestProof.now(this.#clock);
      const numbers = await this.log.numbers(signal);
      const after = numbers.filter((n) => n > this.#state.n).sort((a, b) => a - b);
      for (const n of after) {
        const found = await this.log.readFollower(n, signal);
        // A hold that this vault has given up counts for nothing below a newer entry.
        if (found && (n === after.at(-1) || !this.pending.has(found.id) || this.#isOwn(found))) this.#adopt(found);
      }
      // What was listed and is gone was pruned by another holder, which has a newer entry.
      if (after.every((n) => n <= this.#state.n)) return this.#proof.listed(asked);
    }
    const why = `its newest entry changed at each of ${LISTINGS} attempts`;
    throw new VaultError("UNAVAILABLE", `Could not read the log of ${this.log.session}: ${why}.`);
  }

  /**
   * Whether nothing can follow when there is no entry `n`. While an append is pending, it may have been at the first number
   * after the state, and been pruned by the holder that followed it.
   */
  #isLast(n: number): boolean {
    return n > this.#state.n + 1 || this.pending.isEmpty;
  }

  /** Goes on after an entry that has the next number: an append of this writer that took effect late, or a lost lease. */
  #adopt(taken: Entry): void {
    // A commit has come first, and has read it for itself.
    if (taken.n <= this.#state.n) return;
    const isOwn = this.#isOwn(taken);
    this.pending.resolve(taken.n);
    if (!isOwn) this.#leaseLost(taken);
    this.#state = stateAfter(taken);
    this.#stateAtMs = this.#clock.monotonicMs();
    this.listener?.appended(taken);
  }

  /** Whether the entry, which comes after the newest one that is known, is an append of this writer. */
  #isOwn({ id, epoch }: Entry): boolean {
    return this.pending.has(id) && epoch === this.#state.epoch;
  }
}
