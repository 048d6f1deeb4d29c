// `lib/copy-session` holds the parts of `copySession`, and `mark-proven.ts`, which renames and
// `lib/session-file` use too. It may import all of `lib` but what imports it, and no adapter.
import { withSignal } from "../async/deadline.ts";
import { isVaultError, noAnswer, safeCause, safeMessage, VaultError } from "../errors.ts";
import type { RestoreReport, SessionStore } from "../store.ts";

/** How long a call that was ended has to give back what it has taken, in milliseconds. */
const END_MS = 3_000;

/** Calls to stores that may hang, and need not heed a signal. */
export class StoreCalls {
  readonly #unanswered = new Set<Promise<unknown>>();
  readonly #session: string;
  readonly #signal: AbortSignal | undefined;

  /** @param session named in errors. */
  constructor(session: string, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#signal = signal;
  }

  /**
   * The answer of a store.
   * @param doing named in errors, e.g. "read from the source".
   * @throws a store's own `VaultError`, a `LEASE_HELD` with what was to be done; `UNAVAILABLE` for any other error of the store, or `CANCELLED` when the store
   *   says that its call was aborted; the reason of the signal at once when that aborts: the store may still work then.
   */
  async ask<T>(doing: string, call: () => Promise<T> | T): Promise<T> {
    this.#signal?.throwIfAborted();
    const answer = (async () => call())().catch((cause: unknown) => {
      throw this.#failure(doing, cause);
    });
    this.#unanswered.add(answer);
    const answered = (): unknown => this.#unanswered.delete(answer);
    answer.then(answered, answered);
    return withSignal(answer, this.#signal);
  }

  /**
   * As {@link ask}, of a call that heeds the signal and gives back what it has taken: when the signal aborts, it has a few
   * seconds for that.
   */
  async askAndEnd<T>(doing: string, call: () => Promise<T>): Promise<T> {
    let work: Promise<unknown> | undefined;
    try {
      return await this.ask(doing, () => {
        const begun = call();
        work = begun;
        return begun;
      });
    } catch (error) {
      const ended = work?.then(
        () => {},
        () => {},
      );
      if (ended) await withSignal(ended, AbortSignal.timeout(END_MS)).catch(() => {});
      throw error;
    }
  }

  /**
   * Whether the store has the session.
   * @throws `UNAVAILABLE` also when the store answers neither `true` nor `false`.
   */
  async exists(store: SessionStore, session: string): Promise<boolean> {
    const answer: unknown = await this.ask("look for the session", () => store.sessionExists({ session }));
    if (typeof answer === "boolean") return answer;
    throw noAnswer(`Could not look for ${session}`, answer);
  }

  /**
   * Runs `work` once every store has answered: at once when there is none to wait for, else without being waited for.
   */
  async afterAnswers(work: () => Promise<void>): Promise<void> {
    if (this.#unanswered.size === 0) return work();
    void Promise.allSettled(this.#unanswered)
      .then(work)
      .catch(() => {});
  }

  #failure(doing: string, cause: unknown): unknown {
    if (isVaultError(cause, "LEASE_HELD")) return heldBy(doing, cause);
    if (isVaultError(cause)) return cause;
    const code = isAbort(cause) ? "CANCELLED" : "UNAVAILABLE";
    const message = `Could not ${doing} (${this.#session}): ${safeMessage(cause)}`;
    return new VaultError(code, message, { cause: safeCause(cause) });
  }
}

/** The generations that a vault skipped to find a whole one; other stores report none. */
export function skippedOf(report: unknown): RestoreReport["skipped"] {
  const { skipped } = Object(report) as Partial<RestoreReport>;
  return Array.isArray(skipped) ? skipped : [];
}

/** What names a generation: a number alone may be that of another one, in a store that has lost something. */
export type GenerationName = Pick<RestoreReport, "generation" | "id">;

/** The generation that a vault says it has saved or restored; other stores say nothing of the kind. */
export function generationOf(report: unknown): GenerationName | undefined {
  const { generation, id } = Object(report) as Partial<GenerationName>;
  return typeof generation === "number" && typeof id === "string" ? { generation, id } : undefined;
}

function heldBy(doing: string, cause: VaultError): VaultError {
  const { message, hint, owner, expiresAt } = cause;
  return new VaultError("LEASE_HELD", `Could not ${doing}: ${message}`, {
    cause,
    hint: hint && `Nothing was copied. ${hint}`,
    owner,
    ...(expiresAt ? { expiresAt } : {}),
  });
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "AbortError";
}
