import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "../../disk/durable.ts";

/** Files that a store was asked to write. It may do so after nobody waits for them any more: they are removed then. */
export class WrittenFiles {
  readonly #prefix: string;
  readonly #paths: string[] = [];
  #isClosed = false;

  /** @param prefix how the paths of the files begin; no other files' paths do */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get paths(): readonly string[] {
    return this.#paths;
  }

  /** Has a file written to a path of its own. @param write resolves, or rejects, when the store has ended */
  async write(write: (path: string) => unknown): Promise<void> {
    const path = `${uniqueName(this.#prefix)}.zip`;
    this.#paths.push(path);
    try {
      await write(path);
    } finally {
      if (this.#isClosed) await remove(path);
    }
  }

  /** Removes the files. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#paths.map(remove));
  }

  /** Removes those of killed processes, and those that stores wrote too late. Never rejects. */
  static async removeLeft(prefix: string): Promise<void> {
    const names = await readdir(dirname(prefix)).catch(() => []);
    const left = names.filter((name) => name.startsWith(basename(prefix)));
    await Promise.all(left.map((name) => remove(join(dirname(prefix), name))));
  }
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true }).catch(() => undefined);
}
