import { tell } from "../../diagnostics/channels.ts";
import type { ProfileForm } from "../../diagnostics/events.ts";
import { observe, type Place } from "../../diagnostics/observe.ts";
import { tellRestore, tellSave } from "../../diagnostics/reports.ts";
import type { OtherNames } from "../../other-sessions.ts";
import type { Capture, RestoreReport, SaveReport } from "../../store.ts";
import type { RemoteSession, SaveOptions, StoredVersion, StoreSession } from "./store-session.ts";

/** What {@link ObservedSession} takes. */
export interface ObservedOptions {
  readonly session: string;
  /** Kind of the store. */
  readonly store: string;
  readonly form: ProfileForm;
}

/** Tells subscribers of the diagnostics channels what happens in a session, as far as its store does not tell by itself. */
export class ObservedSession implements StoreSession {
  readonly #inner: StoreSession;
  readonly #place: Place;
  readonly #form: ProfileForm;
  /** Whether the store has told of the zip that was fetched. */
  #isFetchTold = false;

  constructor(inner: StoreSession, { form, ...place }: ObservedOptions) {
    this.#inner = inner;
    this.#place = place;
    this.#form = form;
  }

  get lost(): AbortSignal {
    return this.#inner.lost;
  }

  get canList(): boolean {
    return this.#inner.canList;
  }

  async open(signal: AbortSignal): Promise<RemoteSession> {
    const operation = this.#form === "zip" ? "restore" : "acquire";
    this.#isFetchTold = this.#form === "zip";
    return await observe(
      operation,
      { ...this.#place, signal },
      () => this.#inner.open(signal),
      () => {
        this.#isFetchTold = false;
      },
    );
  }

  keepLocal(): Promise<void> {
    return this.#inner.keepLocal();
  }

  async restore(into: string, signal: AbortSignal, version?: StoredVersion): Promise<RestoreReport> {
    const work = (): Promise<RestoreReport> => this.#inner.restore(into, signal, version);
    return await observe("restore", { ...this.#place, signal }, work, (report, call) => {
      if (!this.#isFetchTold) tellRestore(report, call, this.#form);
    });
  }

  others(signal: AbortSignal): Promise<OtherNames | undefined> {
    return this.#inner.others(signal);
  }

  async save(capture: Capture, options: SaveOptions): Promise<SaveReport> {
    const work = (): Promise<SaveReport> => this.#inner.save(capture, options);
    return await observe("save", { ...this.#place, signal: options.signal }, work, (report, call) =>
      tellSave(report, call, this.#form),
    );
  }

  async prove(generation: number, signal: AbortSignal): Promise<void> {
    await observe("mark", { ...this.#place, signal }, () => this.#inner.prove(generation, signal));
  }

  async reject(version: StoredVersion, signal: AbortSignal): Promise<void> {
    await observe("mark", { ...this.#place, signal }, () => this.#inner.reject(version, signal));
  }

  async rollBack(versions: readonly StoredVersion[], signal: AbortSignal): Promise<StoredVersion | undefined> {
    return await observe("rollback", { ...this.#place, signal }, () => this.#inner.rollBack(versions, signal));
  }

  async delete(retainMs: number | undefined): Promise<void> {
    await observe(
      "delete",
      this.#place,
      () => this.#inner.delete(retainMs),
      (_, call) => {
        tell("delete", () => ({ ...call, change: "deleted" }));
      },
    );
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
