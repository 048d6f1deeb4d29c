import type { BlobStore } from "../../../../lib/blobs.ts";
import { decodeEntry, type Entry, type Generation } from "../../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../../lib/vault/frames.ts";
import { chunkKey, entryKey, logPrefix } from "../../../../lib/vault/layout.ts";
import { chunksOf } from "../../../../lib/vault/manifest.ts";

interface Decoded {
  readonly bytes: Buffer;
  readonly entry: Entry;
  readonly chunks: readonly string[];
}

/** Looks at the backend itself after every effect, and remembers what has been. */
export class Invariants {
  readonly #blobs: BlobStore;
  readonly #session: string;
  readonly #frames: SessionFrames;
  readonly #epochsGrow: boolean;
  /** Ids of entries that were the newest when they were created. */
  readonly committed: Set<string> = new Set();
  /** How often a commit was made. */
  commits = 0;
  /** Whether there has been no current generation at any time since this was last set to false. */
  wasAbsent = true;
  #newest: Entry | undefined;
  /** Bytes of entries that may not become the newest any more. */
  readonly #ruledOut = new Set<string>();
  /** By number: the entry's bytes. */
  readonly #seen = new Map<number, Buffer>();
  /** By number: what was decoded last, and the keys of the chunks it needs. */
  readonly #decoded = new Map<number, Decoded>();

  /**
   * @param epochsGrow with every hold: not where the holder does not use the number of a hold again that was given up, and
   * that one arrives in time to be the newest. Nobody has it.
   */
  constructor(blobs: BlobStore, session: string, { epochsGrow }: { epochsGrow: boolean }) {
    this.#epochsGrow = epochsGrow;
    this.#blobs = blobs;
    this.#session = session;
    this.#frames = new SessionFrames(session);
  }

  /** The state of the session as the backend has it. */
  get newest(): Entry | undefined {
    return this.#newest;
  }

  /** From now on none of these entries may become the newest, unless it has been already. */
  ruleOut(entries: readonly Buffer[]): void {
    for (const bytes of entries) this.#ruledOut.add(bytes.toString("base64"));
  }

  /** @throws when something that must always hold does not. */
  async check(): Promise<void> {
    const keys = new Set<string>();
    for await (const { key } of this.#blobs.list(`${this.#session}/`)) keys.add(key);
    const log = logPrefix(this.#session);
    const numbers = [...keys].filter((key) => key.startsWith(log)).map((key) => Number(key.slice(log.length)));
    const n = Math.max(0, ...numbers);
    await this.#entriesNeverChange(numbers, n);
    if (n === 0) return;
    const newest = (await this.#entry(n))?.entry;
    if (!newest) throw new Error(`entry ${n} cannot be read`);
    if (newest.id !== this.#newest?.id) {
      if (this.#ruledOut.has(this.#seen.get(n)?.toString("base64") ?? ""))
        throw new Error(`entry ${n} (${newest.kind}) came after a deletion that had ended, and was sent before it`);
      this.#follows(newest);
    }
    this.#newest = newest;
    if (newest.content === 0 || newest.deleted) this.wasAbsent = true;
    await this.#nothingIsMissing(newest, keys);
  }

  /** The files of generation `n`, put together from its chunks. */
  async filesOf(n: number): Promise<Record<string, Buffer>> {
    const entry = (await this.#entry(n))?.entry;
    const files: Record<string, Buffer> = {};
    for (const { path, pieces } of entry?.manifest?.files ?? []) {
      const parts = pieces.map(async ({ chunk, offset, bytes }) => {
        const frame = await this.#blobs.get(chunkKey(this.#session, chunk));
        const content = await this.#frames.decodeChunk(chunk, frame ?? Buffer.alloc(0), chunk.id);
        return content.subarray(offset, offset + bytes);
      });
      files[path] = Buffer.concat(await Promise.all(parts));
    }
    return files;
  }

  async #entriesNeverChange(numbers: readonly number[], newest: number): Promise<void> {
    for (const n of numbers) {
      const bytes = await this.#blobs.get(entryKey(this.#session, n));
      const before = this.#seen.get(n);
      if (!bytes || before?.equals(bytes)) continue;
      // A number that pruning has freed may be taken again by somebody very late; nobody looks there any more.
      if (before && n >= newest) throw new Error(`entry ${n}, the newest, has changed`);
      this.#seen.set(n, bytes);
    }
  }

  #follows(entry: Entry): void {
    const before = this.#newest;
    if (before && entry.n <= before.n) throw new Error(`the newest entry went from ${before.n} to ${entry.n}`);
    if (before && entry.epoch < before.epoch) {
      throw new Error(`epoch ${entry.epoch} committed entry ${entry.n} (${entry.kind}) after epoch ${before.epoch}`);
    }
    const grows = before && entry.epoch > before.epoch;
    if (before && (grows ? entry.kind !== "hold" : entry.kind === "hold" && this.#epochsGrow))
      throw new Error("only a hold changes the epoch");
    this.commits++;
    this.committed.add(entry.id);
    const proven = before && newestProven(before);
    if (proven && !isGoodIn(entry, proven) && entry.kind !== "rejected" && entry.kind !== "deleted") {
      throw new Error(`entry ${entry.n} (${entry.kind}) dropped ${proven.n}, the newest proven generation`);
    }
  }

  async #nothingIsMissing({ n, live, content }: Entry, keys: ReadonlySet<string>): Promise<void> {
    if (content !== 0 && !live.some((generation) => generation.n === content))
      throw new Error("the content is not kept");
    for (const generation of live) {
      const { entry, chunks } = (await this.#entry(generation.n)) ?? {};
      if (!entry?.manifest) throw new Error(`generation ${generation.n} lost its entry (newest is ${n})`);
      if (entry.id !== generation.id) throw new Error(`generation ${generation.n} is another one than ${n} says`);
      const lost = chunks?.find((key) => !keys.has(key));
      if (lost !== undefined) throw new Error(`generation ${generation.n} lost ${lost} (newest is ${n})`);
    }
  }

  async #entry(n: number): Promise<Decoded | undefined> {
    const bytes = await this.#blobs.get(entryKey(this.#session, n));
    if (!bytes) return undefined;
    const before = this.#decoded.get(n);
    if (before?.bytes.equals(bytes)) return before;
    const entry = await decodeEntry(this.#frames, n, bytes);
    const chunks = [...(entry.manifest ? chunksOf(entry.manifest) : [])].map((chunk) => chunkKey(this.#session, chunk));
    const decoded = { bytes, entry, chunks };
    this.#decoded.set(n, decoded);
    return decoded;
  }
}

function newestProven({ live, content }: Entry): Generation | undefined {
  const pairing = live.find(({ n }) => n === content)?.pairing;
  return live.findLast((one) => one.proven && !one.rejected && one.pairing === pairing);
}

function isGoodIn({ live, content }: Entry, { n, pairing }: Generation): boolean {
  const now = live.find((one) => one.n === content)?.pairing;
  const newerProven = live.some((one) => one.n > n && one.proven && !one.rejected);
  return pairing !== now || newerProven || live.some((one) => one.n === n);
}
