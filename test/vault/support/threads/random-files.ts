import { createCipheriv } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Files, profileFiles } from "../../../contract/profile.ts";
import type { ListedFile } from "./directory-capture.ts";

const CHANGES: readonly ListedFile["change"][] = ["never", "append", "anywhere"];
const MIB = 1024 * 1024;

/** Random numbers from 0 to 1; the same seed, the same numbers. */
export function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Files below a directory that change at random. */
export class RandomFiles {
  readonly dir: string;
  readonly #random: () => number;
  readonly #files = new Map<string, { content: Buffer; change: ListedFile["change"]; version: number }>();
  #made = 0;

  constructor(dir: string, random: () => number) {
    this.dir = dir;
    this.#random = random;
    for (const [path, content] of Object.entries(profileFiles("one"))) {
      this.#files.set(path, { content, change: path.endsWith("CURRENT") ? "never" : "append", version: 0 });
    }
  }

  /** What is on the disk. */
  get files(): Files {
    return Object.fromEntries([...this.#files].map(([path, { content }]) => [path, content]));
  }

  /** The files, for a capture. Some have an identity, so that they need not be read again. */
  list(): ListedFile[] {
    return [...this.#files].map(([path, { content, change, version }]) => ({
      path,
      size: content.length,
      change,
      ...(this.#random() < 0.5 ? { identity: String(version) } : {}),
    }));
  }

  /** Makes, changes and removes files. */
  async change(): Promise<void> {
    for (const [path, { content, change }] of [...this.#files]) {
      if (!path.includes("IndexedDB")) continue;
      const dice = this.#random();
      if (change === "never" && dice < 0.2) this.#files.delete(path);
      if (change === "append" && dice < 0.7)
        await this.#write(path, change, Buffer.concat([content, this.#bytes(0.4)]));
      if (change === "anywhere" && dice < 0.7) await this.#write(path, change, this.#scribbled(content));
    }
    while (this.#files.size < 8) {
      const change = CHANGES[this.#made % CHANGES.length] ?? "never";
      await this.#write(`Default/IndexedDB/${this.#made++}.${change}`, change, this.#bytes(5));
    }
    for (const [path, { content, version }] of this.#files) if (version === 0) await this.#put(path, content);
  }

  async #write(path: string, change: ListedFile["change"], content: Buffer): Promise<void> {
    this.#files.set(path, { content, change, version: (this.#files.get(path)?.version ?? 0) + 1 });
    await this.#put(path, content);
  }

  async #put(path: string, content: Buffer): Promise<void> {
    await mkdir(dirname(join(this.dir, path)), { recursive: true });
    await writeFile(join(this.dir, path), content);
  }

  /** Up to so many MiB, more often few than many; half of them hardly compress. */
  #bytes(most: number): Buffer {
    const bytes = Math.floor(this.#random() ** 4 * most * MIB);
    const seed = Buffer.alloc(16);
    seed.writeUInt32LE(Math.floor(this.#random() * 2 ** 32));
    const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16), seed).update(Buffer.alloc(bytes));
    if (this.#random() < 0.5) for (let at = 0; at < bytes; at += 2) noise[at] = 0;
    return noise;
  }

  #scribbled(content: Buffer): Buffer {
    const changed = Buffer.from(content);
    for (let writes = 0; writes < 5; writes++) {
      const at = Math.floor(this.#random() * changed.length);
      changed.subarray(at, at + 2_000).fill(this.#random() * 256);
    }
    return changed;
  }
}
