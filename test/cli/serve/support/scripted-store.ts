import type { ServedStore } from "../../../../cli/serve/routes.ts";
import type { GenerationInfo, HistoryEntry, SessionState, SessionSummary } from "../../../../lib/store.ts";

/** What a {@link ScriptedStore} says of one session. */
export interface ScriptedSession {
  readonly summary: SessionSummary;
  readonly generations?: readonly GenerationInfo[];
  readonly history?: readonly HistoryEntry[];
}

/** A store that says what a test wants it to say. It counts how often it was listed. */
export class ScriptedStore {
  readonly address: string;
  sessionsNow: readonly ScriptedSession[];
  /** Thrown by every call, while it is set. */
  failure: Error | undefined;
  /** Waited for by every listing. */
  gate: Promise<void> | undefined;
  listings = 0;

  constructor(sessions: readonly ScriptedSession[] = [], address = "s3://acme-bots/sessions") {
    this.sessionsNow = sessions;
    this.address = address;
  }

  /** For a server: the calls that change sessions are not there. */
  get served(): ServedStore {
    return this as unknown as ServedStore;
  }

  sessions(options: { details: true }): AsyncGenerator<SessionSummary>;
  sessions(options?: { details?: false }): AsyncGenerator<string>;
  async *sessions({ details = false }: { details?: boolean } = {}): AsyncGenerator<string | SessionSummary> {
    this.listings += 1;
    await this.gate;
    if (this.failure) throw this.failure;
    for (const { summary } of this.sessionsNow) yield details ? summary : summary.session;
  }

  async state({ session }: { session: string }): Promise<SessionState | undefined> {
    const found = this.#find(session);
    if (!found) return undefined;
    const generations = found.generations ?? [];
    const current = generations.at(-1);
    return { entry: 1, epoch: 1, generations, ...(current ? { current } : {}) };
  }

  async *history({ session }: { session: string }): AsyncGenerator<HistoryEntry> {
    for (const entry of this.#find(session)?.history ?? []) yield entry;
  }

  #find(name: string): ScriptedSession | undefined {
    if (this.failure) throw this.failure;
    return this.sessionsNow.find(({ summary }) => summary.session === name);
  }
}

/** A generation that was saved `agoMs` before `now`. */
export function generation(
  number: number,
  agoMs: number,
  more: Partial<GenerationInfo> = {},
  now: number = Date.now(),
): GenerationInfo {
  return {
    generation: number,
    id: `id-${number}`,
    at: new Date(now - agoMs),
    bytes: 8_200_000,
    files: 31,
    proven: false,
    rejected: false,
    suspect: false,
    ...more,
  };
}
