import type { Entry, Generation, LogState } from "../../../../lib/vault/entry.ts";
import { EMPTY_LOG, stateAfter } from "../../../../lib/vault/entry-draft.ts";
import { chunkKey, chunksPrefix, entryKey, entryNumber } from "../../../../lib/vault/layout.ts";
import { chunksOf } from "../../../../lib/vault/manifest.ts";
import { partsOf } from "../../../../lib/vault/records/fold.ts";
import type { Backend } from "./backend.ts";
import type { Simulation } from "./simulation.ts";
import { TrueRecords } from "./true-records.ts";

/** How long a deleted session is kept at least. */
const RETAINED_MS = 7 * 24 * 60 * 60 * 1000;

/** What the rules of a schedule depend on. */
export interface TruthRules {
  readonly session: string;
  /**
   * Whether the epoch grows with every hold: not where the holder does not use the number of a hold again that was given
   * up, and that hold arrives in time to be the newest. Nobody has it.
   */
  readonly epochsGrow: boolean;
  /** Whether the store loses holds: then epochs and what nobody may drop are not looked at. */
  readonly isLossy: boolean;
}

/** The session as the backend has it, checked after each effect. */
export class Truth {
  readonly #backend: Backend;
  readonly #simulation: Simulation;
  readonly #rules: TruthRules;
  /** The newest entry, each time that there was another one. */
  readonly #moments: LogState[] = [EMPTY_LOG];
  readonly #entries = new WeakMap<Buffer, Entry>();
  readonly #wereNewest = new Set<string>();
  readonly #ruledOut = new Set<string>();
  /** By key, the number of a live generation that needs it. */
  #needed = new Map<string, number>();
  /** Called with the entry that has become the newest, and the one before it. */
  onNewest: (entry: Entry, before: LogState, beforeAtMs: number) => void = () => {};
  /** Called with the key of each put that took effect. */
  onPut: (key: string) => void = () => {};
  commits = 0;
  folds = 0;
  /** When the newest entry became the newest. */
  newestSinceMs = 0;
  /** When the session was deleted, and when the link began that came after a deletion. */
  #deletedAtMs = 0;
  #linkedAtMs = 0;

  readonly #records = new TrueRecords();

  constructor(backend: Backend, simulation: Simulation, rules: TruthRules) {
    this.#backend = backend;
    this.#simulation = simulation;
    this.#rules = rules;
    backend.onPut = (key, bytes, before) => this.#put(key, bytes, before);
    backend.onDelete = (keys) => this.#deleted(keys);
  }

  /** The state after the newest entry. */
  get newest(): LogState {
    return this.#moments.at(-1) ?? EMPTY_LOG;
  }

  /** A number for what is true now; see {@link wasTrue}. */
  get moment(): number {
    return this.#moments.length - 1;
  }

  /** Whether something was true of the newest entry at some time from `moment` until now. */
  wasTrue(moment: number, test: (state: LogState) => boolean): boolean {
    return this.#moments.slice(moment).some(test);
  }

  /** The records at some moment, none while the session is deleted. */
  records(moment: number = this.moment): ReadonlyMap<string, string> {
    return isPresent(this.#moments[moment] ?? EMPTY_LOG) ? this.#records.at(moment) : new Map();
  }

  /** The records of a generation that was deleted before another link came; `undefined` when it never was. */
  recordsOf(id: string): ReadonlyMap<string, string> | undefined {
    return this.#records.of(id);
  }

  /** Whether a set is in the log, or was deleted since. */
  hasSet(name: string): boolean {
    return this.#records.at(this.moment).has(name) || this.#records.wasDeleted(name);
  }

  /** Tells which entry these bytes are: to be called before they are sent. */
  know(bytes: Buffer, entry: Entry): void {
    this.#entries.set(bytes, entry);
  }

  /** Whether the entry with this id was the newest when it arrived. */
  wasNewest(id: string): boolean {
    return this.#wereNewest.has(id);
  }

  /** From now on none of these entries may become the newest, unless it has been already. */
  ruleOut(ids: Iterable<string>): void {
    for (const id of ids) if (!this.#wereNewest.has(id)) this.#ruledOut.add(id);
  }

  /** The entry that has the number now. */
  entry(n: number): Entry | undefined {
    const bytes = this.#backend.get(entryKey(this.#rules.session, n));
    return bytes && this.#entries.get(bytes);
  }

  /**
   * The state before the newest entry, when that is a hold right behind a generation that is kept. (Of a store that loses
   * one hold after another, two holders may come to the same number by different ways: against that no rule helps.)
   */
  get beforeHold(): LogState | undefined {
    const { kind, n, live } = this.newest;
    const before = this.#moments.findLast((state) => state.n < n);
    const isBehindGeneration = before?.n === n - 1 && live.some((generation) => generation.n === before.n);
    return kind === "hold" && isBehindGeneration ? before : undefined;
  }

  /** The store loses its newest entry. */
  loseNewest(before: LogState): void {
    this.#backend.lose(entryKey(this.#rules.session, this.newest.n));
    this.#records.goBack(this.#moments.lastIndexOf(before));
    this.#moments.push(before);
    this.#needed = this.#neededBy(before);
    this.newestSinceMs = this.#simulation.nowMs;
  }

  /** @throws when the backend has chunks that nothing needs: to be called after a prune that nothing has disturbed. */
  assertNothingLeft(): void {
    const left = this.#backend.keys(chunksPrefix(this.#rules.session)).filter((key) => !this.#needed.has(key));
    if (left.length > 0) throw new Error(`a prune has left ${left.join(", ")}`);
  }

  #put(key: string, bytes: Buffer, before: Buffer | undefined): void {
    this.onPut(key);
    if (entryNumber(this.#rules.session, key) === undefined) return;
    const entry = this.#entries.get(bytes);
    if (!entry) throw new Error(`${key} was put by nobody`);
    const { n } = this.newest;
    const replaced = before && this.#entries.get(before);
    // A number that pruning has freed may be taken again by a put that is very late; nobody looks there any more.
    if (replaced && replaced.id !== entry.id && (entry.n >= n || this.#needed.has(key)))
      throw new Error(`entry ${entry.n} has changed (newest is ${n})`);
    if (entry.n > n) this.#becomesNewest(entry);
  }

  #becomesNewest(entry: Entry): void {
    const before = this.newest;
    const { n, epoch, kind } = entry;
    if (this.#ruledOut.has(entry.id))
      throw new Error(`entry ${n} (${kind}) came after a deletion that had ended, and was sent before it`);
    if (!this.#rules.isLossy) {
      if (epoch < before.epoch)
        throw new Error(`epoch ${epoch} committed entry ${n} (${kind}) after epoch ${before.epoch}`);
      const isWrong = epoch > before.epoch ? kind !== "hold" : kind === "hold" && this.#rules.epochsGrow;
      if (isWrong) throw new Error(`only a hold changes the epoch, and entry ${n} (${kind}) has ${epoch}`);
      const proven = newestProven(before);
      const mayGo = kind === "rejected" || kind === "deleted" || (proven && this.#isOverdue(proven));
      if (proven && !isGoodIn(entry, proven) && !mayGo)
        throw new Error(`entry ${n} (${kind}) dropped ${proven.n}, the newest proven generation`);
      const dropped = this.#droppedBy(entry, before);
      if (dropped) throw new Error(`entry ${n} (${kind}) dropped ${dropped.n}, which was deleted and is kept`);
    }
    if (entry.deleted && !before.deleted) this.#deletedAtMs = this.#simulation.nowMs;
    if (entry.earlier?.until !== before.earlier?.until) this.#linkedAtMs = this.#simulation.nowMs;
    this.commits++;
    this.#wereNewest.add(entry.id);
    this.#simulation.say(
      "",
      () =>
        `newest is ${n}: ${kind} of epoch ${epoch}, content ${entry.content}, live ${entry.live.map((one) => one.n)}`,
    );
    this.#needed = this.#neededBy(entry);
    const again = this.#records.add(entry, before);
    if (again !== undefined && !this.#rules.isLossy) throw new Error(`entry ${n} says ${again} again`);
    if ((entry.fold?.segments.length ?? 0) > 0) this.folds++;
    this.#moments.push(stateAfter(entry));
    const beforeAtMs = this.newestSinceMs;
    this.newestSinceMs = this.#simulation.nowMs;
    this.onNewest(entry, before, beforeAtMs);
  }

  /** The generation of records of a deleted link that the entry keeps no more, although its time is not over. */
  #droppedBy({ live, kind, content }: Entry, before: LogState): Generation | undefined {
    const { records, since = 0, deleted } = before;
    if (!records || (kind === "deleted" && content === 0)) return undefined;
    const isOfDeleted = ({ n }: Generation): boolean => n < since || (deleted !== undefined && n === before.content);
    const gone = before.live.filter((one) => isOfDeleted(one) && !live.some(({ id }) => id === one.id));
    return gone.find((one) => !this.#isOverdue(one));
  }

  /** Whether the time is over for which a deletion keeps the generation, whatever any clock of a host says. */
  #isOverdue({ n }: Generation): boolean {
    const { deleted, since = 0 } = this.newest;
    const isOver = (sinceMs: number): boolean => this.#simulation.nowMs - sinceMs >= RETAINED_MS;
    return (deleted && isOver(this.#deletedAtMs)) || (n < since && isOver(this.#linkedAtMs));
  }

  #deleted(keys: readonly string[]): void {
    const { n, kind } = this.newest;
    for (const key of keys) {
      const generation = this.#needed.get(key);
      if (generation === undefined) continue;
      if (generation === n && key === entryKey(this.#rules.session, n))
        throw new Error(`entry ${n}, the newest, is gone`);
      throw new Error(`generation ${generation} lost ${key} (newest is ${n}, ${kind})`);
    }
  }

  /** @throws when something is missing that this state needs. */
  #neededBy({ n, content, live, records }: LogState): Map<string, number> {
    const { session } = this.#rules;
    const needed = new Map<string, number>();
    if (content !== 0 && !live.some((generation) => generation.n === content))
      throw new Error(`entry ${n} does not keep its content, ${content}`);
    for (const generation of live) {
      const entry = this.entry(generation.n);
      if (!entry?.manifest && !entry?.fold)
        throw new Error(`generation ${generation.n} has lost its entry (newest is ${n})`);
      if (entry.id !== generation.id) throw new Error(`generation ${generation.n} is another one than entry ${n} says`);
      this.#needs(entry, needed);
    }
    for (let one = records?.through ?? n; ++one < n; ) {
      const entry = this.entry(one);
      // Where nothing is created exclusively there are gaps.
      if (entry) this.#needs(entry, needed);
      else if (!this.#rules.isLossy) throw new Error(`entry ${n} needs entry ${one}, which is gone`);
    }
    if (n > 0) needed.set(entryKey(session, n), n);
    return needed;
  }

  /** Adds the keys of an entry and of the chunks that it refers to. */
  #needs({ n, manifest, manifestChunks = [], fold, tailChunks = [] }: Entry, needed: Map<string, number>): void {
    const { session } = this.#rules;
    const contents = [...(manifest ? chunksOf(manifest) : []), ...(fold ? partsOf(fold) : [])];
    for (const chunk of [...contents, ...manifestChunks, ...tailChunks]) {
      const key = chunkKey(session, chunk);
      if (!this.#backend.has(key)) throw new Error(`entry ${n} has lost ${key} (newest is ${this.newest.n})`);
      needed.set(key, n);
    }
    needed.set(entryKey(session, n), n);
  }
}

function isPresent({ content, deleted }: LogState): boolean {
  return content !== 0 && !deleted;
}

function newestProven({ live, content }: LogState): Generation | undefined {
  const pairing = live.find(({ n }) => n === content)?.pairing;
  return live.findLast((one) => one.proven && !one.rejected && one.pairing === pairing);
}

function isGoodIn({ live, content }: LogState, { n, pairing }: Generation): boolean {
  const now = live.find((one) => one.n === content)?.pairing;
  const newerProven = live.some((one) => one.n > n && one.proven && !one.rejected);
  return pairing !== now || newerProven || live.some((one) => one.n === n);
}
