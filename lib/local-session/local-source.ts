import { copyFile } from "node:fs/promises";
import { VaultError } from "../errors.ts";
import type { SessionStore } from "../store.ts";
import { zipProfile } from "../zip-profile.ts";
import type { LocalSession } from "./recognise.ts";

/** A profile, or the zip of one, as a store that has it alone: for `copySession`, which checks what it reads. */
export class LocalSource implements SessionStore {
  readonly #local: LocalSession;
  readonly #options: { signal: AbortSignal | undefined; onWarning?: ((message: string) => void) | undefined };

  constructor(
    local: LocalSession,
    options: { signal: AbortSignal | undefined; onWarning?: ((message: string) => void) | undefined },
  ) {
    this.#local = local;
    this.#options = options;
  }

  async sessionExists(): Promise<boolean> {
    return true;
  }

  async extract({ path: zip }: { session: string; path: string }): Promise<void> {
    const { form, path } = this.#local;
    if (form === "zip") return await copyFile(path, zip);
    await zipProfile(path, zip, this.#options);
  }

  async save(): Promise<never> {
    throw new VaultError("INVALID", "Could not change the session that is read.");
  }

  async delete(): Promise<never> {
    throw new VaultError("INVALID", "Could not change the session that is read.");
  }
}
