import { VaultError } from "../errors.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { VaultContext } from "./context.ts";
import { decodeManifest, type Entry, entryOf } from "./entry.ts";
import { chunkKey } from "./layout.ts";
import type { SessionLog } from "./log.ts";
import { chunksOf, type Manifest } from "./manifest.ts";
import { partsOf } from "./records/fold.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** An entry, or a generation that may be stored in another entry than its own. */
type StoredEntry = Parameters<typeof entryOf>[0];

/** A cache of generations: the keys of their chunks, and one manifest. */
export class Generations {
  readonly #context: VaultContext;
  readonly #log: SessionLog;
  /** The manifest that was committed or read last: manifests can be large. */
  #manifest: { id: string; manifest: Manifest } | undefined;
  /** By number: the keys of the chunks of the entry with this id. */
  readonly #keys = new Map<number, { id: string; keys: ReadonlySet<string> }>();

  constructor(context: VaultContext, log: SessionLog) {
    this.#context = context;
    this.#log = log;
  }

  /** Remembers an entry that was committed. */
  remember(entry: Entry): void {
    const { n, id, manifest, fold, tailChunks } = entry;
    if (!manifest && !fold && !tailChunks) return;
    if (manifest) this.#manifest = { id, manifest };
    this.#keys.set(n, { id, keys: keysOf(this.#log.session, entry) });
  }

  /** Forgets a generation that was deleted. */
  forget(n: number): void {
    if (this.#manifest?.id === this.#keys.get(n)?.id) this.#manifest = undefined;
    this.#keys.delete(n);
  }

  /** The manifest of a generation, or `undefined` when the log does not have it. @throws `CORRUPT` */
  async manifest(generation: StoredEntry, signal?: AbortSignal): Promise<Manifest | undefined> {
    const { n, id } = entryOf(generation);
    if (this.#manifest?.id === id) return this.#manifest.manifest;
    const entry = await this.#load(n, signal);
    return entry?.id === id ? entry.manifest : undefined;
  }

  /**
   * Keys of all chunks that an entry needs (none, when it refers to none), or `undefined` when the log does not have
   * that entry, or the entry or its manifest is damaged.
   */
  async keys(generation: StoredEntry, signal?: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    const { n, id } = entryOf(generation);
    const known = this.#keys.get(n);
    if (known?.id === id) return known.keys;
    const entry = await unlessCorrupt(this.#load(n, signal));
    if (entry?.id !== id) return undefined;
    return this.#keys.get(n)?.keys ?? new Set();
  }

  async #load(n: number, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    const entry = await this.#log.read(n, signal);
    if (!entry) return undefined;
    const whole = { ...entry, manifest: await manifestOf(this.#context, this.#log.session, entry, signal) };
    this.remember(whole);
    return whole;
  }
}

/** The manifest of an entry that has the files of a profile, `undefined` for others. @throws `CORRUPT` when a part of it is missing or damaged */
export async function manifestOf(
  context: VaultContext,
  session: string,
  { n, kind, manifest, manifestChunks, fold }: Entry,
  signal?: AbortSignal,
): Promise<Manifest | undefined> {
  if (manifest || fold || (kind !== "save" && kind !== "rekeyed")) return manifest;
  const what = `the manifest of generation ${n} of ${session}`;
  if (!manifestChunks) throw new VaultError("CORRUPT", `Could not read ${what}: its entry has none.`);
  const reader = new ChunkReader(context, session);
  const parts = await Promise.all(manifestChunks.map((chunk) => reader.read(chunk, signal)));
  return decodeManifest(Buffer.concat(parts), what);
}

/** Keys of the chunks that an entry refers to. */
function keysOf(session: string, { manifest, manifestChunks = [], fold, tailChunks = [] }: Entry): Set<string> {
  const contents = [...(manifest ? chunksOf(manifest) : []), ...(fold ? partsOf(fold) : [])];
  return new Set([...contents, ...manifestChunks, ...tailChunks].map((chunk) => chunkKey(session, chunk)));
}
