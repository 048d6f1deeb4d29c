import { setTimeout as delay } from "node:timers/promises";
import type { SessionSummary } from "../../lib/store.ts";
import type { ErrorJson } from "../error-json.ts";
import type { Faults } from "./faults.ts";
import { type SessionView, sessionView, type UnreadableView } from "./session-view.ts";

/** The part of a store that is watched. */
export interface ListingStore {
  sessions(options: { details: true; signal?: AbortSignal }): AsyncIterable<SessionSummary>;
}

export interface WatcherOptions {
  /** Milliseconds between two looks at the store. */
  readonly everyMs: number;
  /** As that of {@link sessionView}. */
  readonly olderThanMs?: number | undefined;
  /** How long the store may say nothing before it counts as away, in milliseconds. @default 15000 */
  readonly lateMs?: number;
}

/** What is known of the store. */
export interface Snapshot {
  /** When the store was last read as a whole. @default never */
  readonly checkedAt?: Date;
  /** Set while the store does not answer, or refuses: since when, and why. */
  readonly away?: ErrorJson & { readonly since: Date };
  readonly sessions: ReadonlyMap<string, SessionView | UnreadableView>;
}

/** What a look has found. */
export interface Update extends Snapshot {
  readonly changed: readonly (SessionView | UnreadableView)[];
  readonly removed: readonly string[];
}

/** A store that is slow is asked less often: this part of the time at most. */
const MOST_BUSY = 1 / 5;
/** The longest pause while the store is away, in milliseconds, unless looks are further apart anyway. */
const MOST_PAUSE_MS = 60_000;
const LATE_MS = 15_000;

/**
 * Looks at all sessions of a store, over and over, while somebody watches: one look for all who watch, and none when nobody
 * does. While the store is away the pauses grow, and what was known is kept.
 */
export class Watcher {
  readonly #store: ListingStore;
  readonly #faults: Faults;
  readonly #options: Required<Omit<WatcherOptions, "olderThanMs">> & Pick<WatcherOptions, "olderThanMs">;
  readonly #viewers = new Set<(update: Update) => void>();
  readonly #closed = new AbortController();
  #snapshot: Snapshot = { sessions: new Map() };
  /** Compared to tell what has changed. */
  #texts: ReadonlyMap<string, string> = new Map();
  #look: Promise<void> | undefined;
  #failures = 0;
  #lookMs = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #wake = new AbortController();

  constructor(store: ListingStore, faults: Faults, options: WatcherOptions) {
    this.#store = store;
    this.#faults = faults;
    this.#options = { lateMs: LATE_MS, ...options };
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** Watches until the function that it returns is called. */
  watch(told: (update: Update) => void): () => void {
    this.#viewers.add(told);
    if (!this.#isRunning) void this.#run();
    return () => {
      this.#viewers.delete(told);
      if (this.#viewers.size === 0) this.#wake.abort();
    };
  }

  /** What is known, after a look if the last one is longer ago than the pause between two. Never rejects. */
  async fresh(): Promise<Snapshot> {
    if (performance.now() - this.#lookedAt >= this.#pauseMs()) await this.#lookOnce();
    return this.#snapshot;
  }

  /** Looks as soon as possible: something was changed. */
  async lookAnew(): Promise<void> {
    // What is under way may have begun before the change.
    await this.#look;
    await this.#lookOnce();
  }

  close(): void {
    this.#closed.abort();
    this.#viewers.clear();
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#viewers.size > 0 && !this.#closed.signal.aborted) {
      const pause = this.#lookedAt + this.#pauseMs() - performance.now();
      if (pause > 0) {
        this.#wake = new AbortController();
        await delay(pause, undefined, { signal: this.#wake.signal }).catch(() => {});
      } else {
        await this.#lookOnce();
      }
    }
    this.#isRunning = false;
  }

  #pauseMs(): number {
    const { everyMs } = this.#options;
    if (this.#failures > 0) return Math.min(everyMs * 2 ** (this.#failures - 1), Math.max(everyMs, MOST_PAUSE_MS));
    return Math.max(everyMs, this.#lookMs * (1 / MOST_BUSY - 1));
  }

  #lookOnce(): Promise<void> {
    this.#look ??= this.#lookNow().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #lookNow(): Promise<void> {
    const began = performance.now();
    const beganAt = new Date();
    const { lateMs, olderThanMs } = this.#options;
    const late = setTimeout(() => {
      const message = `The store has said nothing for ${Math.round(lateMs / 1000)} s.`;
      this.#isAway(beganAt, { code: "UNAVAILABLE", message });
    }, lateMs);
    try {
      const found = new Map<string, SessionView | UnreadableView>();
      for await (const one of this.#store.sessions({ details: true, signal: this.#closed.signal })) {
        found.set(one.session, sessionView(one, this.#faults, olderThanMs));
        late.refresh();
      }
      this.#failures = 0;
      this.#found(found);
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      this.#failures += 1;
      this.#isAway(beganAt, this.#faults.view(error));
    } finally {
      clearTimeout(late);
      this.#lookMs = performance.now() - began;
      this.#lookedAt = performance.now();
    }
  }

  #found(sessions: ReadonlyMap<string, SessionView | UnreadableView>): void {
    const texts = new Map([...sessions].map(([name, view]) => [name, withoutRenewals(view)]));
    const changed = [...sessions.values()].filter(({ session }) => texts.get(session) !== this.#texts.get(session));
    const removed = [...this.#texts.keys()].filter((name) => !texts.has(name));
    this.#texts = texts;
    this.#snapshot = { sessions, checkedAt: new Date() };
    this.#tell(changed, removed);
  }

  #isAway(since: Date, error: ErrorJson): void {
    const { away } = this.#snapshot;
    this.#snapshot = { ...this.#snapshot, away: { ...error, since: away?.since ?? since } };
    this.#tell([], []);
  }

  #tell(changed: Update["changed"], removed: readonly string[]): void {
    const update = { ...this.#snapshot, changed, removed };
    for (const told of [...this.#viewers]) told(update);
  }
}

/** A session as text, without the time that changes whenever its process renews its lease. */
function withoutRenewals(view: SessionView | UnreadableView): string {
  return JSON.stringify(view, (key, value) => (key === "expiresAt" ? undefined : value));
}
