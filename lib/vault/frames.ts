import type { KeyObject } from "node:crypto";
import { withSignal } from "../async/deadline.ts";
import { asBuffer, LEAST_OWN_BYTES } from "../async/memory.ts";
import { threads } from "../async/threads/thread-pool.ts";
import { VaultError } from "../errors.ts";
import { blocks } from "./blocks.ts";
import { type ScryptSalt, type SessionKeys, sessionKeys } from "./derive.ts";
import { job as encoding } from "./encode-chunk-job.ts";
import { contentOf, encodeFrame, type FrameKind, type KeyReference, placeOf, readFrame, type Seal } from "./frame.ts";
import { hashOf } from "./hash.ts";
import { Keyring, type RootKey } from "./keyring.ts";
import type { Chunk, Piece } from "./manifest.ts";

/** The kinds that are encrypted. The others say which sessions there are, and how keys are made of passphrases. */
const SECRET_KINDS: readonly FrameKind[] = ["entry", "chunk", "lease"];

/** A smaller content takes less time than the way to another thread, and its buffer cannot be moved. */
const LARGE_BYTES = LEAST_OWN_BYTES;

/** A run of bytes of a chunk. */
export type PieceOfChunk = Pick<Piece, "hash" | "offset" | "bytes">;

/** What {@link SessionFrames} takes of a vault. */
export interface FrameKeys {
  readonly keyring: Keyring;
  /** The salt for keys of passphrases. */
  salt(): Promise<ScryptSalt>;
}

/** Nothing is encrypted, and what is encrypted is not read. */
const NO_KEYS: FrameKeys = {
  keyring: new Keyring([]),
  salt: async () => {
    throw new Error("a salt is asked for without a passphrase");
  },
};

/**
 * Encodes and decodes the blobs of one session, encrypted when the vault has a key. The `name` of a frame is the part of
 * its key in the store that it is bound to: the number of an entry, the id of a chunk, the folder and turn of a lease.
 */
export class SessionFrames {
  readonly session: string;
  /** Numbers of entries that were found plain: entries never change. */
  readonly plainEntries: Set<number> = new Set();
  readonly #keys: FrameKeys;
  readonly #sessionKeys = new Map<string, SessionKeys>();
  /** The lowest number of an entry that was found encrypted: all after it are. */
  #encryptedFrom = Number.POSITIVE_INFINITY;
  /** Numbers of entries that may not be plain, whatever their number. */
  readonly #encrypted = new Set<number>();

  constructor(session: string, keys: FrameKeys = NO_KEYS) {
    this.session = session;
    this.#keys = keys;
  }

  /** To be awaited before the first frame is encoded: after it, no `encode` waits for the store. */
  async prepare(signal?: AbortSignal): Promise<void> {
    await withSignal(this.#first(), signal);
  }

  /** The frame of `plain`. @param layout as that of `encodeFrame` */
  async encode(kind: FrameKind, name: string, plain: Buffer, layout?: number): Promise<Buffer> {
    const seal = await this.#sealKey(kind);
    return await encodeFrame(kind, plain, seal && { ...seal, place: placeOf(this.session, name) }, { layout });
  }

  /**
   * The id and the frame of the chunk with this content, by a thread when there is one. Gives the memory back to `blocks`.
   * @param known its id, when that is known.
   */
  async encodeBlock(content: Buffer, known: string | undefined): Promise<{ id: string; frame: Buffer }> {
    const { session } = this;
    const [seal, hashKey] = await Promise.all([this.#sealKey("chunk"), this.contentKey()]);
    const input = { session, content, id: known, hashKey, seal };
    const { length: bytes } = content;
    const encoded = bytes < LARGE_BYTES ? undefined : await threads.offer(encoding, input, bytes);
    if (encoded) {
      blocks.give(encoded.content);
      return { id: encoded.id, frame: asBuffer(encoded.frame) };
    }
    const id = hashOf(content, hashKey);
    if (known !== undefined && id !== known) {
      throw new VaultError(
        "CORRUPT",
        `Could not store chunk ${known} of ${session}: its content was changed meanwhile.`,
      );
    }
    const frame = await this.encode("chunk", id, content);
    blocks.give(content);
    return { id, frame };
  }

  /**
   * The content of `frame`.
   * @param what named in errors, e.g. "log entry 7".
   * @throws `CORRUPT` when it is damaged, belongs elsewhere, or is plain where it was encrypted; `WRONG_KEY` when its key
   *   was not given; `INVALID` when it is whole and of a newer format.
   */
  async decode(kind: FrameKind, name: string, frame: Buffer, what: string): Promise<Buffer> {
    return (await this.#decode(kind, name, frame, what)).content;
  }

  /** As {@link decode}, of an entry; with the layout of its content. */
  async decodeEntry(n: number, frame: Buffer, what: string): Promise<{ content: Buffer; layout: number }> {
    return await this.#decode("entry", String(n), frame, what);
  }

  /**
   * The content of a chunk.
   * @param pieces when given, their hashes are checked instead of the hash of the whole content.
   * @throws `CORRUPT` when it is damaged, or has not the content of this id, or of one of the pieces
   */
  async decodeChunk(
    { id, bytes }: Pick<Chunk, "id" | "bytes">,
    frame: Buffer,
    what: string,
    pieces: readonly PieceOfChunk[] = [{ hash: id, offset: 0, bytes }],
  ): Promise<Buffer> {
    const { content, keys } = await this.#decode("chunk", id, frame, what);
    const isPiece = ({ offset, bytes: length, hash }: PieceOfChunk): boolean =>
      hashOf(content.subarray(offset, offset + length), keys?.chunkId) === hash;
    if (content.length !== bytes || !pieces.every(isPiece)) {
      throw new VaultError("CORRUPT", `Could not read ${what}: its content differs from its id.`);
    }
    return content;
  }

  /** The key of the hash that names new contents of this session, chunks and pieces; `undefined` without encryption. */
  async contentKey(): Promise<KeyObject | undefined> {
    const root = await this.#first();
    return root && this.#of(root).chunkId;
  }

  /** Id of the key that encrypts, 16 hexadecimal digits; `undefined` without encryption. */
  async keyId(): Promise<string | undefined> {
    return (await this.#first())?.id;
  }

  /** Whether a plain newest entry may stand in the place of encrypted ones: none was found encrypted yet. */
  get mayBeDowngraded(): boolean {
    return this.#keys.keyring.isOn && this.#encryptedFrom === Number.POSITIVE_INFINITY;
  }

  /** Entry `n` is encrypted, whether or not its key is here: from now on a plain entry after it is refused. */
  foundEncrypted(n: number): void {
    this.#encryptedFrom = Math.min(this.#encryptedFrom, n);
  }

  /** Whether entry `n`, which was read, is encrypted. */
  isEncrypted(n: number): boolean {
    return n >= this.#encryptedFrom;
  }

  /** From now on these entries are refused when they are plain. */
  expectEncrypted(numbers: Iterable<number>): void {
    for (const n of numbers) this.#encrypted.add(n);
  }

  async #decode(
    kind: FrameKind,
    name: string,
    frame: Buffer,
    what: string,
  ): Promise<{ content: Buffer; layout: number; keys: SessionKeys | undefined }> {
    const read = readFrame(kind, frame, what);
    const root = read.sealedBy && (await this.#find(read.sealedBy, what));
    const keys = root && this.#of(root);
    if (!root && SECRET_KINDS.includes(kind)) this.#refusePlain(kind, name, what);
    const content = await contentOf(read, what, keys && { secret: keys.content, place: placeOf(this.session, name) });
    if (root && kind === "entry") this.foundEncrypted(Number(name));
    return { content, layout: read.layout, keys };
  }

  /** A plain chunk is not refused here: the id of an encrypted one is no SHA-256. */
  #refusePlain(kind: FrameKind, name: string, what: string): void {
    const { isOn, refusesPlain } = this.#keys.keyring;
    if (!isOn) return;
    const isAfter = kind === "entry" && (this.isEncrypted(Number(name)) || this.#encrypted.has(Number(name)));
    const isBeside = kind === "lease" && this.#encryptedFrom !== Number.POSITIVE_INFINITY;
    if (!refusesPlain && !isAfter && !isBeside) return;
    const why = refusesPlain ? "`encryption.refusePlain` is set" : "the session is encrypted";
    throw new VaultError("CORRUPT", `Could not read ${what}: it is not encrypted, and ${why}.`, {
      hint: refusesPlain
        ? "Without `refusePlain` the store reads what is not encrypted, and `rekey` encrypts it."
        : "Somebody who has no key has written it: look who can write to the store.",
    });
  }

  async #find(reference: KeyReference, what: string): Promise<RootKey> {
    const { keyring } = this.#keys;
    const found = await keyring.find(reference);
    if (found) return found;
    const by = reference.scrypt ? `a passphrase (key ${reference.id})` : `key ${reference.id}`;
    const given = keyring.describe();
    throw new VaultError(
      "WRONG_KEY",
      `Could not read ${what}: it is encrypted with ${by}, and ${given === "" ? "no key was given" : `given was ${given}`}.`,
      {
        hint: `Give the store that ${reference.scrypt ? "passphrase" : "key"} as \`encryption\`${given === "" ? "" : ", or as one more of `encryption.keys`"}. Nothing was changed.`,
      },
    );
  }

  /** What encrypts a frame, but for its place; `undefined` when nothing does. */
  async #sealKey(kind: FrameKind): Promise<Omit<Seal, "place"> | undefined> {
    const root = SECRET_KINDS.includes(kind) ? await this.#first() : undefined;
    return root && { id: root.id, scrypt: root.scrypt, secret: this.#of(root).content };
  }

  #first(): Promise<RootKey | undefined> {
    return this.#keys.keyring.first(() => this.#keys.salt());
  }

  #of({ id, key }: RootKey): SessionKeys {
    const known = this.#sessionKeys.get(id) ?? sessionKeys(key, this.session);
    this.#sessionKeys.set(id, known);
    return known;
  }
}
