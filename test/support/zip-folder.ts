import { copyFile, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SessionStore } from "../../lib/store.ts";

/** A store with whatsapp-web.js's four methods alone, which keeps zips in a folder. */
export class ZipFolder implements SessionStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async sessionExists({ session }: { session: string }): Promise<boolean> {
    return await stat(this.#zip(session)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return false;
        throw error;
      },
    );
  }

  async save({ session, path }: { session: string; path?: string }): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await copyFile(path ?? `${session}.zip`, this.#zip(session));
  }

  async extract({ session, path }: { session: string; path: string }): Promise<void> {
    await copyFile(this.#zip(session), path);
  }

  async delete({ session }: { session: string }): Promise<void> {
    await rm(this.#zip(session), { force: true });
  }

  #zip(session: string): string {
    return join(this.#folder, `${session}.zip`);
  }
}
