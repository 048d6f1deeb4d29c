import type { CallEvent, Operation } from "../diagnostics/events.ts";
import { observe } from "../diagnostics/observe.ts";
import type { ListingStore } from "../other-sessions.ts";
import { namingOthers } from "./absent-session.ts";
import { sessionName } from "./layout.ts";

/** What every call of a vault names. */
export interface CalledFor {
  readonly session: string;
  readonly signal?: AbortSignal | undefined;
}

/** Runs the calls of a vault. */
export class VaultCalls {
  readonly #vault: ListingStore;
  readonly #kind: string;

  /** @param kind of the backend, as diagnostics events name it */
  constructor(vault: ListingStore, kind: string) {
    this.#vault = vault;
    this.#kind = kind;
  }

  /**
   * Does `work`, and tells subscribers how it has ended: by `told` of its result, or by an error event. When the session is
   * absent, the hint of the error names those that are there.
   * @throws `INVALID` for a session of no possible name, and what `work` throws
   */
  async run<T>(
    operation: Operation,
    { session, signal }: CalledFor,
    work: () => Promise<T>,
    told?: (result: T, call: CallEvent) => void,
  ): Promise<T> {
    const name = sessionName(session);
    const named = (): Promise<T> => namingOthers(this.#vault, { session: name, signal }, work);
    return await observe(operation, { session: name, store: this.#kind, signal }, named, told);
  }
}
