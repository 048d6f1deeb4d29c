import { VaultError } from "../errors.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { VaultContext } from "./context.ts";
import { decodeManifest, type Entry } from "./entry.ts";
import { type ChunkAddress, chunkKey } from "./layout.ts";
import type { SessionLog } from "./log.ts";
import { chunksOf, type Manifest } from "./manifest.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** A cache of generations: the keys of their chunks, and one manifest. */
export class Generations {
  readonly #context: VaultContext;
  readonly #log: SessionLog;
  /** The manifest that was committed or read last: manifests can be large. */
  #manifest: { n: number; manifest: Manifest } | undefined;
  readonly #keys = new Map<number, ReadonlySet<string>>();

  constructor(context: VaultContext, log: SessionLog) {
    this.#context = context;
    this.#log = log;
  }

  /** Remembers an entry that was committed. */
  remember(entry: Entry): void {
    if (!entry.manifest) return;
    this.#manifest = { n: entry.n, manifest: entry.manifest };
    this.#keys.set(entry.n, keysOf(this.#log.session, entry.manifest, entry.manifestChunks ?? []));
  }

  /** Forgets a generation that was deleted. */
  forget(n: number): void {
    this.#keys.delete(n);
    if (this.#manifest?.n === n) this.#manifest = undefined;
  }

  /** The manifest of generation `n`, or `undefined` when there is no such generation. @throws `CORRUPT` */
  async manifest(n: number, signal?: AbortSignal): Promise<Manifest | undefined> {
    if (this.#manifest?.n === n) return this.#manifest.manifest;
    return (await this.#load(n, signal))?.manifest;
  }

  /**
   * Keys of all chunks that entry `n` needs (none, when it is not a generation), or `undefined` when that entry or its
   * manifest is missing or damaged.
   */
  async keys(n: number, signal?: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    const known = this.#keys.get(n);
    if (known) return known;
    const loaded = await unlessCorrupt(this.#load(n, signal));
    return loaded && (this.#keys.get(n) ?? new Set());
  }

  async #load(n: number, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    const entry = await this.#log.read(n, signal);
    if (!entry) return undefined;
    const whole = { ...entry, manifest: await manifestOf(this.#context, this.#log.session, entry, signal) };
    this.remember(whole);
    return whole;
  }
}

/** The manifest of a `save` entry, `undefined` for other kinds. @throws `CORRUPT` when a part of it is missing or damaged */
export async function manifestOf(
  context: VaultContext,
  session: string,
  { n, kind, manifest, manifestChunks }: Entry,
  signal?: AbortSignal,
): Promise<Manifest | undefined> {
  if (manifest || kind !== "save") return manifest;
  const what = `the manifest of generation ${n} of ${session}`;
  if (!manifestChunks) throw new VaultError("CORRUPT", `Could not read ${what}: its entry has none.`);
  const reader = new ChunkReader(context, session);
  const parts = await Promise.all(manifestChunks.map((chunk) => reader.read(chunk, signal)));
  return decodeManifest(Buffer.concat(parts), what);
}

function keysOf(session: string, manifest: Manifest, more: readonly ChunkAddress[]): Set<string> {
  return new Set([...chunksOf(manifest), ...more].map((chunk) => chunkKey(session, chunk)));
}
