import type { KeyObject } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Permits } from "../async/shared-semaphore.ts";
import { blocks } from "./blocks.ts";
import type { SessionFrames } from "./frames.ts";
import { hashOf } from "./hash.ts";
import { chunkKey } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import type { Chunk } from "./manifest.ts";
import { isSaveWaiting } from "./memory-budget.ts";
import { ALONE_BYTES, FIRST_PACK_BYTES, Pack, SHARED_BYTES } from "./pack.ts";
import type { PlacedPiece } from "./placed-piece.ts";

/** A save that has stored so many bytes releases its permit when another save waits. */
const BYTES_PER_PERMIT = 8 * 1024 * 1024;
/** A save that has waited so long for a permit goes on without one: those before it may read from a disk that hangs. */
const PERMIT_WAIT_MS = 60_000;

interface EncodedFrame {
  readonly chunk: Chunk;
  readonly frame: Buffer;
}

/**
 * Puts new pieces into chunks and uploads the chunks in parallel. Memory is bounded for the whole process by
 * permits: for each chunk under way, and for each save that holds bytes of files.
 */
export class ChunkWriter {
  bytesSent = 0;
  /** The chunks that were stored. */
  readonly sent: Set<Chunk> = new Set();
  /** The largest piece. */
  readonly chunkBytes: number;
  /** The hash that names a piece and a chunk: equal for equal contents of this session. */
  readonly hash: (content: Buffer) => string;
  /** The key of that hash, for another thread; `undefined` without encryption. */
  readonly hashKey: KeyObject | undefined;
  /** Id of the key that encrypts; `undefined` without encryption. */
  readonly keyId: string | undefined;
  readonly #lease: VaultLease;
  readonly #frames: SessionFrames;
  readonly #placed = new Map<string, PlacedPiece>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #packBytes: number;
  /** How many bytes of large pieces may share chunks. */
  #mayShare: number;
  #pack: Pack<PlacedPiece> | undefined;
  /** Set while this save may hold bytes of files: the bytes it has stored since, and whether it holds a permit for them. */
  #allowance: { bytes: number; hasPermit: boolean } | undefined;

  private constructor(
    lease: VaultLease,
    { chunkBytes, hashKey, keyId }: Pick<ChunkWriter, "chunkBytes" | "hashKey" | "keyId">,
    { packBytes, isFirst }: { packBytes: number; isFirst: boolean },
    signal: AbortSignal | undefined,
  ) {
    this.#lease = lease;
    this.#packBytes = isFirst ? Math.min(packBytes, FIRST_PACK_BYTES) : packBytes;
    this.#mayShare = isFirst ? 0 : SHARED_BYTES;
    this.#frames = lease.context.frames(lease.session);
    this.chunkBytes = chunkBytes;
    this.hashKey = hashKey;
    this.hash = (content) => hashOf(content, hashKey);
    this.keyId = keyId;
    this.#signal = AbortSignal.any([...(signal ? [signal] : []), this.#failed.signal]);
    // Every chunk under way listens; Node warns above ten.
    setMaxListeners(0, this.#signal);
  }

  /** A writer for one save. @param isFirst whether it stores all of a profile, as far as is known */
  static async open(lease: VaultLease, signal: AbortSignal | undefined, isFirst = true): Promise<ChunkWriter> {
    const { context, session } = lease;
    const [chunkBytes, packBytes] = [await context.chunkBytes(signal), await context.packBytes(signal)];
    const frames = context.frames(session);
    const [hashKey, keyId] = await Promise.all([frames.contentKey(), frames.keyId()]);
    return new ChunkWriter(lease, { chunkBytes, hashKey, keyId }, { packBytes, isFirst }, signal);
  }

  /** The piece with this content that was placed before, if any: nothing is uploaded twice. */
  find(hash: string): PlacedPiece | undefined {
    return this.#placed.get(hash);
  }

  /** To be awaited before bytes are read: resolves when this save may hold a few MiB of them, until the next call. */
  async ready(): Promise<void> {
    if (this.#allowance && (this.#allowance.bytes < BYTES_PER_PERMIT || !isSaveWaiting())) return;
    // A pack that is hardly filled may stay in memory.
    if (this.#pack && this.#pack.bytes >= ALONE_BYTES) await this.#closePack();
    this.#endAllowance();
    const hasPermit = await this.#lease.context.savePermits.acquireWithin(PERMIT_WAIT_MS, this.#signal);
    this.#allowance = { bytes: 0, hasPermit };
  }

  /**
   * Takes in a piece. The caller may change `content` afterwards only when the piece is not a chunk of its own.
   * @returns the piece; a promise only where something has to be sent before: a database has thousands of pieces
   */
  place(hash: string, content: Buffer): PlacedPiece | Promise<PlacedPiece> {
    return (
      this.#placed.get(hash) ??
      this.#packNow(hash, content) ??
      this.#place(hash, content, async (piece) => void (await this.#send(content, piece)))
    );
  }

  /** As {@link place}, for a piece that is all of a block of `blocks`, which it gives back. */
  async placeBlock(hash: string, block: Buffer): Promise<PlacedPiece> {
    const taken = this.#isAlone(block.length) && !this.#placed.has(hash);
    const piece = await this.#place(hash, block, (alone) => this.#sendBlock(block, [alone]));
    if (!taken) blocks.give(block);
    return piece;
  }

  /** Stores bytes that are no part of a file as a chunk of their own. */
  async placeAlone(content: Buffer): Promise<Chunk> {
    const piece: PlacedPiece = { hash: this.hash(content), bytes: content.length, offset: 0 };
    return await this.#send(content, piece);
  }

  /** Resolves when everything that was placed is stored. Can be called more than once. */
  async finish(): Promise<void> {
    await this.#closePack();
    this.#endAllowance();
    await Promise.all(this.#underWay);
    this.#failed.signal.throwIfAborted();
  }

  /** Ends the uploads; resolves when no upload is under way any more. */
  async abandon(reason: unknown): Promise<void> {
    this.#failed.abort(reason);
    this.#pack = undefined;
    this.#endAllowance();
    await Promise.all(this.#underWay);
  }

  /** @param send sends it as a chunk of its own. */
  async #place(hash: string, content: Buffer, send: (piece: PlacedPiece) => Promise<void>): Promise<PlacedPiece> {
    const known = this.#placed.get(hash);
    if (known) return known;
    const piece: PlacedPiece = { hash, bytes: content.length, offset: 0 };
    this.#placed.set(hash, piece);
    if (this.#isAlone(content.length)) await send(piece);
    else await this.#packIn(piece, content);
    return piece;
  }

  /** Whether a piece of so many bytes, if it came next, would be a chunk of its own. */
  #isAlone(bytes: number): boolean {
    return bytes >= ALONE_BYTES && (bytes > this.#mayShare || 2 * bytes > this.#packBytes);
  }

  /** Takes in a new piece that fits into the pack; `undefined` for any other one. */
  #packNow(hash: string, content: Buffer): PlacedPiece | undefined {
    if (content.length >= ALONE_BYTES || !this.#pack?.hasRoom(content.length)) return undefined;
    const piece: PlacedPiece = { hash, bytes: content.length, offset: 0 };
    this.#placed.set(hash, piece);
    this.#pack.add(piece, content);
    return piece;
  }

  async #packIn(piece: PlacedPiece, content: Buffer): Promise<void> {
    if (content.length >= ALONE_BYTES) this.#mayShare -= content.length;
    if (this.#pack?.hasRoom(content.length) === false) await this.#closePack();
    this.#pack ??= new Pack(this.#packBytes);
    this.#pack.add(piece, content);
  }

  #endAllowance(): void {
    if (this.#allowance?.hasPermit) this.#lease.context.savePermits.release();
    this.#allowance = undefined;
  }

  async #closePack(): Promise<void> {
    const pack = this.#pack;
    this.#pack = undefined;
    if (pack) await this.#sendBlock(pack.content, pack.pieces);
  }

  /** Sends a content that stays the caller's. @returns its chunk, once the upload has begun */
  async #send(content: Buffer, piece: PlacedPiece): Promise<Chunk> {
    const { hash: id, bytes } = piece;
    const chunk = { ...this.#lease.writer.memory.uploads.address(id), bytes };
    const encode = async (): Promise<EncodedFrame> => ({
      chunk,
      frame: await this.#frames.encode("chunk", id, content),
    });
    await this.#begin(bytes, [piece], encode);
    return chunk;
  }

  /** Sends a block of `blocks`, which it gives back. Resolves once the upload has begun. */
  async #sendBlock(block: Buffer, pieces: readonly PlacedPiece[]): Promise<void> {
    const { length: bytes } = block;
    const known = pieces.length === 1 ? pieces[0]?.hash : undefined;
    await this.#begin(bytes, pieces, async () => {
      const { id, frame } = await this.#frames.encodeBlock(block, known);
      return { chunk: { ...this.#lease.writer.memory.uploads.address(id), bytes }, frame };
    });
  }

  /** Resolves once the upload has begun. */
  async #begin(bytes: number, pieces: readonly PlacedPiece[], encode: () => Promise<EncodedFrame>): Promise<void> {
    const { chunkPermits, sendPermits, encodePermits } = this.#lease.context;
    const { uploads } = this.#lease.writer.memory;
    // Nobody needs the rest of a save that cannot be committed.
    this.#lease.assertHeld();
    const held: Permits[] = [];
    // That for encoding not before: who reads the next content waits for the room of this one.
    for (const permits of [chunkPermits, sendPermits, encodePermits]) {
      await permits.acquire(this.#signal).catch((error: unknown) => {
        for (const one of held) one.release();
        throw error;
      });
      held.push(permits);
    }
    if (this.#allowance) this.#allowance.bytes += bytes;
    const send = async (): Promise<void> => {
      const { chunk, frame } = await encode().finally(() => encodePermits.release());
      for (const piece of pieces) piece.chunk = chunk;
      await this.#upload(chunk, frame);
      uploads.add(chunk, pieces);
    };
    const tracked: Promise<void> = send()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => {
        for (const permits of [chunkPermits, sendPermits]) permits.release();
        this.#underWay.delete(tracked);
      });
    this.#underWay.add(tracked);
  }

  /** Holds the frame alone: the content it was made of need not stay in memory until the backend answers. */
  async #upload(chunk: Chunk, frame: Buffer): Promise<void> {
    const { context, session } = this.#lease;
    const key = chunkKey(session, chunk);
    const { length: bytes } = frame;
    this.#lease.writer.memory.storedBytes += bytes;
    let attempts = 0;
    await context.blobs.put(key, frame, { signal: this.#signal, onAttempt: () => attempts++ });
    context.chunkTrust.trust(key);
    // An attempt that was given up may still send it.
    if (attempts === 1) context.release(frame);
    this.bytesSent += bytes;
    this.sent.add(chunk);
  }
}
