import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import type { RunningLink, StartLink } from "./link-project.ts";

/** The session that is linked. */
export const session = "RemoteAuth-support";

/** A project with a store and a folder for temporary files. */
export class LinkPlace {
  readonly folder: string;
  readonly directory: string;
  readonly store: FileStore;
  readonly temporary: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.directory = join(folder, "all sessions");
    this.temporary = join(folder, "temporary");
    this.store = new FileStore({ directory: this.directory });
  }

  static async in(folder: string): Promise<LinkPlace> {
    const place = new LinkPlace(folder);
    await mkdir(place.temporary);
    return place;
  }

  /** Links in the terminal, without a proof. */
  link(start: (options: StartLink) => RunningLink, ...more: string[]): RunningLink {
    const args = ["support", "--store", `file:${this.directory}`, "--headless", "--no-proof", ...more];
    return start({ folder: this.folder, args, env: { TMPDIR: this.temporary } });
  }

  /** What is left on this computer. */
  async left(): Promise<string[]> {
    return (await readdir(this.temporary)).filter((name) => name.startsWith("wa-vault-"));
  }

  /** Nothing is stored or held, and nothing is left on this computer. */
  async mustBeAsBefore(): Promise<void> {
    const state = await this.store.state({ session });
    expect(state?.current).toBeUndefined();
    expect(state?.lease).toBeUndefined();
    expect(await this.left()).toEqual([]);
  }

  /** The store is away, as long as a file is in the place of its folder. @returns what brings it back */
  async takeStoreAway(): Promise<() => Promise<void>> {
    const away = `${this.directory}.away`;
    await rename(this.directory, away);
    await writeFile(this.directory, "");
    return async () => {
      await rm(this.directory);
      await rename(away, this.directory);
    };
  }
}
