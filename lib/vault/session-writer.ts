import type { Clock } from "./clock.ts";
import type { VaultContext } from "./context.ts";
import type { Entry, LogState } from "./entry.ts";
import { type Draft, type EntryFacts, entryAfter, entryFacts, stateAfter } from "./entry-draft.ts";
import { Generations } from "./generations.ts";
import { holdFolder } from "./layout.ts";
import type { SessionLog } from "./log.ts";
import { PendingAppends } from "./pending-appends.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";
import { WriterMemory } from "./writer-memory.ts";

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
  readonly #by: string;
  readonly #clock: Clock;
  readonly #leaseLost: (taken: Entry) => never;
  #state: LogState;
  /** When the log's clock stood at the time in the state, in milliseconds of the monotonic clock; never too early. */
  #stateAtMs: number;

  /**
   * @param hold the entry that gave the session to this writer.
   * @param leaseLost called with an entry of another holder; throws `LEASE_LOST`.
   */
  constructor(context: VaultContext, log: SessionLog, hold: Entry, leaseLost: (taken: Entry) => never) {
    this.log = log;
    this.folder = holdFolder(hold);
    this.generations = new Generations(context, log);
    this.memory = new WriterMemory(log.session, this.folder);
    this.hold = stateAfter(hold);
    this.#by = context.by;
    this.#clock = context.clock;
    this.#leaseLost = leaseLost;
    this.#state = this.hold;
    this.#stateAtMs = this.#clock.monotonicMs();
  }

  /** The state after the newest entry that is known to be in the log. */
  get state(): LogState {
    return this.#state;
  }

  /** Learns the outcome of pending appends, as far as the log shows it. Call before building on {@link state}. */
  async resolvePending(signal?: AbortSignal): Promise<void> {
    if (!this.pending.isEmpty) await this.look(signal);
  }

  /**
   * Makes sure, before anything is deleted, that the newest entry is the one this writer knows: its number holds that
   * entry, and no entry follows. (A store that has lost a hold gives its number and epoch to the next one.)
   * @throws `LEASE_LOST` when it is not.
   */
  async confirm(signal?: AbortSignal): Promise<void> {
    const { n, id } = this.#state;
    // Without exclusive create two appends of one holder may have met at this number.
    const found = this.log.exclusiveCreate ? await unlessCorrupt(this.log.read(n, signal)) : undefined;
    if (found && found.id !== id) this.#leaseLost(found);
    await this.look(signal);
  }

  /** Reads the entries after the newest one that is known. @throws `LEASE_LOST` when one is another holder's */
  async look(signal?: AbortSignal): Promise<void> {
    for (const n of await this.#followers(signal)) {
      const taken = await this.log.read(n, signal);
      if (taken) this.#adopt(taken);
    }
  }

  /**
   * Reads the entries after the newest one that is known, also while a commit is under way: an entry of this writer is
   * left to the commit, which learns of it by itself.
   * @throws `LEASE_LOST` when an entry is another holder's; any other error says nothing about the lease.
   */
  async lookBeside(signal?: AbortSignal): Promise<void> {
    for (let n = this.#state.n + 1; ; n++) {
      const found = await this.log.read(n, signal);
      // Up to the newest entry that is known by now, the commit has read for itself.
      if (found && n > this.#state.n && !this.#isOwn(found)) this.#leaseLost(found);
      // An entry of this writer may have been at the first number, and been pruned by the holder that followed it.
      if (!found && (n > this.#state.n + 1 || this.pending.isEmpty)) return;
    }
  }

  /**
   * Appends the entry that `draft` makes of the newest state; no entry when it returns `undefined`. If an earlier append
   * is still pending then, an entry that changes nothing takes its number, so that it cannot take effect later.
   * @param options.isFinal `false` where a pending append may take effect later. @default true
   * @returns the bytes sent.
   * @throws `LEASE_LOST`; after any other error the append is pending: its entry is, or will be, in the log, or not.
   */
  async commit(
    draft: (state: LogState, next: EntryFacts) => Draft | undefined,
    signal?: AbortSignal,
    { isFinal = true }: { isFinal?: boolean } = {},
  ): Promise<number> {
    await this.resolvePending(signal);
    for (;;) {
      const state = this.memory.withoutMissing(this.#state);
      const draftedAtMs = this.#clock.monotonicMs();
      const facts = {
        ...entryFacts(this.pending.numberAfter(state.n, this.log), state.epoch, this.#by, this.#clock.wallMs()),
        uptimeMs: (state.uptimeMs ?? 0) + Math.max(0, Math.floor(draftedAtMs - this.#stateAtMs)),
      };
      const wanted = draft(state, facts);
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
      this.#stateAtMs = draftedAtMs;
      if (entry.manifest) this.generations.remember(entry);
      // Between two puts another holder may have taken the session and pruned the first one: its number was free again.
      if (!isOnlyAppend || !result.atOnce) await this.look(signal);
      return result.bytes;
    }
  }

  /** Numbers at which an entry may follow the newest one that is known, in order. */
  async #followers(signal: AbortSignal | undefined): Promise<number[]> {
    const { n } = this.#state;
    if (this.pending.numberAfter(n, this.log) === n + 1) return [n + 1];
    const numbers = await this.log.numbers(signal);
    return numbers.filter((number) => number > n).sort((a, b) => a - b);
  }

  /** Goes on after an entry that has the next number: an append of this writer that took effect late, or a lost lease. */
  #adopt(taken: Entry): void {
    const isOwn = this.#isOwn(taken);
    this.pending.resolve(taken.n);
    if (!isOwn) this.#leaseLost(taken);
    this.#state = stateAfter(taken);
    this.#stateAtMs = this.#clock.monotonicMs();
  }

  /** Whether the entry, which comes after the newest one that is known, is an append of this writer. */
  #isOwn({ id, epoch }: Entry): boolean {
    return this.pending.has(id) && epoch === this.#state.epoch;
  }
}
