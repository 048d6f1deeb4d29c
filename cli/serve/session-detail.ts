import { isVaultError } from "../../lib/errors.ts";
import type { GenerationInfo, HistoryEntry, SessionState } from "../../lib/store.ts";
import type { ErrorJson } from "../error-json.ts";
import { type EntryJson, entryJson } from "../look/entry-json.ts";
import type { Faults } from "./faults.ts";

/** The part of a store that a session is read with. */
export interface DetailStore {
  state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined>;
  history(options: { session: string; signal?: AbortSignal }): AsyncIterable<HistoryEntry>;
}

/** One session as the page and programs read it. */
export interface SessionDetail {
  readonly session: string;
  /** The generations that are kept, newest first; none when the session cannot be read. */
  readonly kept: readonly (GenerationInfo & { readonly isCurrent: boolean })[];
  /** Newest first. */
  readonly history: readonly EntryJson[];
  /** Whether there are older entries than these. */
  readonly isHistoryCut: boolean;
  /** Why the session cannot be read. */
  readonly problem?: ErrorJson;
}

/** The most entries that are read: each is a request to the store. */
const MOST_ENTRIES = 300;
/** For how long an answer serves all who ask, in milliseconds. */
const SHARED_MS = 1_000;

/** A session that is being read, or was, and when. */
interface Shared {
  at: number;
  readonly detail: Promise<SessionDetail>;
}

/** Reads sessions, once for all who ask at the same time. */
export class SessionDetails {
  readonly #store: DetailStore;
  readonly #faults: Faults;
  readonly #signal: AbortSignal;
  readonly #shared = new Map<string, Shared>();

  constructor(store: DetailStore, faults: Faults, signal: AbortSignal) {
    this.#store = store;
    this.#faults = faults;
    this.#signal = signal;
  }

  /** @throws the store's error when it does not answer */
  read(session: string): Promise<SessionDetail> {
    const now = performance.now();
    for (const [name, { at }] of this.#shared) if (now - at > SHARED_MS) this.#shared.delete(name);
    const shared = this.#shared.get(session);
    if (shared) return shared.detail;
    const read = { at: Number.POSITIVE_INFINITY, detail: this.#read(session) };
    this.#shared.set(session, read);
    const ended = (): void => {
      read.at = performance.now();
    };
    read.detail.then(ended, () => this.#forget(session, read));
    return read.detail;
  }

  #forget(session: string, read: Shared): void {
    if (this.#shared.get(session) === read) this.#shared.delete(session);
  }

  /** The session was changed: what was read before is not served any more. */
  forget(session: string): void {
    this.#shared.delete(session);
  }

  async #read(session: string): Promise<SessionDetail> {
    const call = { session, signal: this.#signal };
    const [{ state, problem }, { history, isHistoryCut }] = await Promise.all([this.#state(call), this.#history(call)]);
    const current = state?.current?.generation;
    const kept = [...(state?.generations ?? [])]
      .reverse()
      .map((one) => ({ ...one, isCurrent: one.generation === current }));
    return { session, kept, history, isHistoryCut, ...(problem ? { problem: this.#faults.view(problem) } : {}) };
  }

  async #state(call: { session: string; signal: AbortSignal }): Promise<{ state?: SessionState; problem?: unknown }> {
    try {
      const state = await this.#store.state(call);
      return state ? { state } : {};
    } catch (error) {
      // What is wrong with the session is told beside what can be read of it.
      if (isVaultError(error) && ["CORRUPT", "WRONG_KEY", "INVALID"].includes(error.code)) return { problem: error };
      throw error;
    }
  }

  async #history(call: {
    session: string;
    signal: AbortSignal;
  }): Promise<Pick<SessionDetail, "history" | "isHistoryCut">> {
    const history: SessionDetail["history"][number][] = [];
    try {
      for await (const entry of this.#store.history(call)) {
        if (history.length === MOST_ENTRIES) return { history, isHistoryCut: true };
        history.push(entryJson(entry, (error) => this.#faults.view(error)));
      }
    } catch (error) {
      if (!isVaultError(error, "CORRUPT")) throw error;
    }
    return { history, isHistoryCut: false };
  }
}
