import { join, resolve } from "node:path";
import { zipFolder } from "../archive/zip-folder.ts";
import { withTemporary } from "../disk/temporary.ts";
import { VaultError } from "../errors.ts";
import type { GenerationInfo, RestoreReport, SessionState, SessionStore } from "../store.ts";
import type { Vault } from "../vault/vault.ts";

/** What a source of older generations must have. */
export type GenerationStore = SessionStore & Pick<Vault, "state" | "restoreProfile" | "peekRecords">;

/** One generation of a session, as a store that has nothing else: for `copySession`, which copies the current one. */
export class OneGeneration implements SessionStore {
  readonly #store: GenerationStore;
  readonly #generation: number;
  readonly #signal: AbortSignal | undefined;

  constructor(store: GenerationStore, generation: number, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#generation = generation;
    this.#signal = signal;
  }

  /** What the store tells of it; `undefined` when the session has no such generation. */
  async find(session: string): Promise<GenerationInfo | undefined> {
    const state = await this.#store.state({ session, ...this.#call });
    return state?.generations.find(({ generation }) => generation === this.#generation);
  }

  async state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined> {
    return await this.#store.state({ ...options, ...this.#call });
  }

  async sessionExists({ session }: { session: string }): Promise<boolean> {
    return (await this.find(session)) !== undefined;
  }

  async extract({ session, path }: { session: string; path: string }): Promise<RestoreReport> {
    return await withTemporary(async (folder) => {
      const into = join(folder, "profile");
      const generation = this.#generation;
      const report = await this.#store.restoreProfile({ session, into, generation, ...this.#call });
      await zipFolder(into, path, this.#call);
      return report;
    }, resolve(path));
  }

  async peekRecords({ session }: { session: string }): Promise<ReadonlyMap<string, Buffer> | undefined> {
    return await this.#store.peekRecords({ session, generation: this.#generation, ...this.#call });
  }

  async save(): Promise<never> {
    throw this.#readOnly();
  }

  async delete(): Promise<never> {
    throw this.#readOnly();
  }

  #readOnly(): VaultError {
    return new VaultError("INVALID", "Could not change an older generation: it is a copy that is read.");
  }

  get #call(): { signal?: AbortSignal } {
    return this.#signal ? { signal: this.#signal } : {};
  }
}
