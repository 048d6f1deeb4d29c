import { setMaxListeners } from "node:events";
import type { VaultContext } from "./context.ts";
import { encodeFrame } from "./frame.ts";
import { sha256 } from "./hash.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk } from "./manifest.ts";
import { savesWait } from "./memory-budget.ts";
import type { Location, Uploads } from "./uploads.ts";

/** From this size on a piece is a chunk of its own; smaller ones travel together. */
const ALONE_BYTES = 512 * 1024;
/** A save that has stored so much lets the next one in line go on. */
const TURN_BYTES = 8 * 1024 * 1024;
/** A save that has waited so long, in ms, goes on without a turn: those before it may read from a disk that hangs. */
const PATIENCE_MS = 60_000;

/** A piece that will have its place once its chunk is closed. */
export interface PlacedPiece {
  readonly hash: string;
  readonly bytes: number;
  chunk?: Chunk | undefined;
  offset: number;
}

/** What {@link ChunkWriter} takes. */
export interface ChunkWriterOptions {
  readonly context: VaultContext;
  readonly session: string;
  readonly uploads: Uploads;
  /** The largest content of a chunk. */
  readonly chunkBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Puts new pieces into chunks and uploads those in parallel. Memory is bounded for the whole process: by the chunks under
 * way, and by the saves that may hold bytes of files at once. Those take turns.
 */
export class ChunkWriter {
  bytesSent = 0;
  /** What was stored. */
  readonly sent: Set<Chunk> = new Set();
  readonly #options: ChunkWriterOptions;
  readonly #placed = new Map<string, PlacedPiece>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  #pack: { content: Buffer; used: number; pieces: PlacedPiece[] } | undefined;
  /** The turn this save has: what was stored in it. */
  #turn: { bytes: number; isTaken: boolean } | undefined;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([...(options.signal ? [options.signal] : []), this.#failed.signal]);
    // Every chunk under way listens; Node warns above ten.
    setMaxListeners(0, this.#signal);
  }

  /** The piece with this content that was placed before, if any: nothing is uploaded twice. */
  find(hash: string): PlacedPiece | undefined {
    return this.#placed.get(hash);
  }

  /** To be awaited before bytes are read: resolves when this save may hold a few MiB of them, till it asks again. */
  async ready(): Promise<void> {
    if (this.#turn && (this.#turn.bytes < TURN_BYTES || !savesWait())) return;
    // What is hardly filled may as well wait in memory.
    if (this.#pack && this.#pack.used >= ALONE_BYTES) await this.#closePack();
    this.#endTurn();
    this.#turn = { bytes: 0, isTaken: await this.#takeTurn() };
  }

  /** Takes in a piece; `content` may be changed by the caller afterwards only when it is smaller than a chunk alone. */
  async place(hash: string, content: Buffer): Promise<PlacedPiece> {
    const known = this.#placed.get(hash);
    if (known) return known;
    const piece: PlacedPiece = { hash, bytes: content.length, offset: 0 };
    this.#placed.set(hash, piece);
    if (content.length >= ALONE_BYTES) await this.#send(content, [piece]);
    else await this.#packIn(piece, content);
    return piece;
  }

  /** Stores bytes that are no piece of a file. */
  async placeAlone(content: Buffer): Promise<Chunk> {
    const piece: PlacedPiece = { hash: sha256(content), bytes: content.length, offset: 0 };
    await this.#send(content, [piece]);
    return piece.chunk as Chunk;
  }

  /** Resolves when everything that was placed is stored. Can be called more than once. */
  async finish(): Promise<void> {
    await this.#closePack();
    this.#endTurn();
    await Promise.all(this.#underWay);
    this.#failed.signal.throwIfAborted();
  }

  /** Ends the uploads; resolves when none is under way any more. */
  async abandon(reason: unknown): Promise<void> {
    this.#failed.abort(reason);
    this.#pack = undefined;
    this.#endTurn();
    await Promise.all(this.#underWay);
  }

  async #packIn(piece: PlacedPiece, content: Buffer): Promise<void> {
    const { chunkBytes } = this.#options;
    if (this.#pack && this.#pack.used + content.length > chunkBytes) await this.#closePack();
    this.#pack ??= { content: Buffer.alloc(0), used: 0, pieces: [] };
    const needed = this.#pack.used + content.length;
    if (needed > this.#pack.content.length) {
      // Most saves have little that travels together.
      const larger = Buffer.allocUnsafe(needed <= ALONE_BYTES ? Math.min(ALONE_BYTES, chunkBytes) : chunkBytes);
      this.#pack.content.copy(larger, 0, 0, this.#pack.used);
      this.#pack.content = larger;
    }
    piece.offset = this.#pack.used;
    content.copy(this.#pack.content, this.#pack.used);
    this.#pack.used = needed;
    this.#pack.pieces.push(piece);
  }

  /** Whether it was had. */
  async #takeTurn(): Promise<boolean> {
    const { turns } = this.#options.context;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      await turns.acquire(AbortSignal.any([this.#signal, patience]));
      return true;
    } catch (error) {
      if (error !== patience.reason) throw error;
      return false;
    }
  }

  #endTurn(): void {
    if (this.#turn?.isTaken) this.#options.context.turns.release();
    this.#turn = undefined;
  }

  async #closePack(): Promise<void> {
    const pack = this.#pack;
    this.#pack = undefined;
    if (pack) await this.#send(pack.content.subarray(0, pack.used), pack.pieces);
  }

  /** Resolves once the upload has begun. */
  async #send(content: Buffer, pieces: readonly PlacedPiece[]): Promise<void> {
    const { uploads } = this.#options;
    const id = pieces.length === 1 && pieces[0] ? pieces[0].hash : sha256(content);
    const chunk: Chunk = { ...uploads.address(id), bytes: content.length };
    for (const piece of pieces) piece.chunk = chunk;
    await this.#options.context.slots.acquire(this.#signal);
    if (this.#turn) this.#turn.bytes += content.length;
    const upload = encodeFrame("chunk", content)
      .then((frame) => this.#upload(chunk, frame))
      .then(
        () => uploads.add(chunk, pieces),
        (error: unknown) => this.#failed.abort(error),
      );
    const tracked: Promise<void> = upload.finally(() => {
      this.#options.context.slots.release();
      this.#underWay.delete(tracked);
    });
    this.#underWay.add(tracked);
  }

  /** Has only the frame: what it was made of need not stay in memory while the backend takes its time. */
  async #upload(chunk: Chunk, frame: Buffer): Promise<void> {
    const { context, session } = this.#options;
    const key = chunkKey(session, chunk);
    await context.blobs.put(key, frame, { signal: this.#signal });
    context.distrusted.delete(key);
    this.bytesSent += frame.length;
    this.sent.add(chunk);
  }
}

/** The location of a placed piece. Only after {@link ChunkWriter.finish}. */
export function locationOf({ chunk, offset }: Pick<PlacedPiece, "chunk" | "offset">): Location {
  if (!chunk) throw new Error("a piece was asked for its place before its chunk was closed");
  return { chunk, offset };
}
