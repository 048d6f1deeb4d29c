import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { discardWholeBuffer, isOutOfMemory } from "../async/memory.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { pack, unpack, ZSTD } from "./compress.ts";
import { packScrypt, SCRYPT_BYTES, type ScryptSalt, unpackScrypt } from "./derive.ts";
import { type NodeZstd, nodeZstd } from "./zstd.ts";

/** The kinds of contents; stored in the frame, so that one kind is never taken for another. */
export type FrameKind = "entry" | "chunk" | "lease" | "session" | "salt";

/** Which key a frame is encrypted with. */
export interface KeyReference {
  /** Id of the key, 16 hexadecimal digits. */
  readonly id: string;
  /** Set when the key is made of a passphrase. */
  readonly scrypt?: ScryptSalt | undefined;
}

/** Encrypts one frame. */
export interface Seal extends KeyReference {
  /** A key of 32 bytes. */
  readonly secret: KeyObject;
  /** Names the place that the frame is for: at any other place it does not decrypt. */
  readonly place: string;
}

/** The {@link Seal.place} of a frame: the session, and the part of its key in the store that it is bound to. */
export function placeOf(session: string, name: string): string {
  return `${session}\0${name}`;
}

/** A frame whose checksum is right. */
export interface ReadFrame {
  /** Absent for a plain frame. */
  readonly sealedBy?: KeyReference | undefined;
  readonly codec: number;
  /** Bytes of the content. */
  readonly bytes: number;
  /** How the content is laid out: of entries, {@link JSON_LAYOUT} (or 0, the same) or {@link RECORDS_LAYOUT}. */
  readonly layout: number;
  /** All that comes before the body. */
  readonly header: Buffer;
  readonly body: Buffer;
}

const MAGIC = Buffer.from("WAV", "latin1");
const PLAIN = 1;
const ENCRYPTED = 2;
const CHECKSUM = 4;
const PLAIN_HEADER = 12;
const KEY_ID = 12;
const NONCE = 20;
const SCRYPT = 32;
const TAG_BYTES = 16;
/**
 * Of entries: JSON. With it the first version of wa-vault, which knows 0 alone, asks for a newer version, and does not take
 * what it cannot read in an entry for damage.
 */
export const JSON_LAYOUT = 1;
/** Of entries: JSON, and bytes after it. Versions before it ask for a newer version. */
export const RECORDS_LAYOUT = 2;
const KINDS: readonly FrameKind[] = ["entry", "chunk", "lease", "session", "salt"];
/** Where the key of an encrypted frame comes from. */
const GIVEN_KEY = 1;
const PASSPHRASE = 2;
const CIPHER = "aes-256-gcm";
/**
 * Encrypted at once: Node makes a new buffer of each piece, which still is in the processor's caches when it is copied, and
 * its checksum is taken.
 */
const PIECE_BYTES = 256 * 1024;

interface EncodeOptions {
  readonly zstd?: NodeZstd | undefined;
  readonly layout?: number | undefined;
}

/**
 * Frames `plain`, compressed when that makes it smaller, and encrypted with `seal`.
 * @param options.zstd compresses large contents. @default Node's own, if it has one
 * @param options.layout of the content. @default 1 of entries, 0 of all else
 */
export async function encodeFrame(
  kind: FrameKind,
  plain: Buffer,
  seal?: Seal,
  { zstd = nodeZstd, layout = kind === "entry" ? JSON_LAYOUT : 0 }: EncodeOptions = {},
): Promise<Buffer> {
  const { codec, body } = await pack(plain, zstd);
  const bodyAt = seal ? SCRYPT + (seal.scrypt ? SCRYPT_BYTES : 0) : PLAIN_HEADER;
  // Everything is written into its place: a chunk has 4 MiB, and each copy of it costs a millisecond or two.
  const frame = Buffer.allocUnsafe(bodyAt + body.length + (seal ? TAG_BYTES : 0) + CHECKSUM);
  MAGIC.copy(frame, 0);
  frame[3] = seal ? ENCRYPTED : PLAIN;
  frame[4] = KINDS.indexOf(kind) + 1;
  frame[5] = codec;
  frame[6] = seal ? (seal.scrypt ? PASSPHRASE : GIVEN_KEY) : 0;
  frame[7] = layout;
  frame.writeUInt32BE(plain.length, 8);
  const end = frame.length - CHECKSUM;
  if (seal) frame.writeUInt32BE(encryptInto(frame, bodyAt, body, seal), end);
  else {
    body.copy(frame, bodyAt);
    frame.writeUInt32BE(crc32(frame.subarray(0, end)), end);
  }
  // It was copied, and the content stays the caller's.
  if (body !== plain) discardWholeBuffer(body);
  return frame;
}

/**
 * Reads all of a frame but its content.
 * @param what named in errors, e.g. "log entry 7".
 * @throws `CORRUPT` when a byte is wrong or missing, `INVALID` when it is whole and of a newer format.
 */
export function readFrame(kind: FrameKind, frame: Buffer, what: string): ReadFrame {
  if (frame.length < PLAIN_HEADER + CHECKSUM || frame.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) {
    throw corrupt(what, "it does not begin with the mark of a frame");
  }
  // Magic first and checksum last hold for every version, so that damage is never mistaken for a newer format.
  if (crc32(frame.subarray(0, -CHECKSUM)) !== frame.readUInt32BE(frame.length - CHECKSUM)) {
    throw corrupt(what, "its checksum differs");
  }
  const [version, codec, source, layout] = [frame[3], frame[5] ?? 0, frame[6] ?? 0, frame[7] ?? 0];
  const isKnown = version === PLAIN ? source === 0 : source === GIVEN_KEY || source === PASSPHRASE;
  const newest = frame[4] === KINDS.indexOf("entry") + 1 ? RECORDS_LAYOUT : 0;
  if ((version !== PLAIN && version !== ENCRYPTED) || codec > ZSTD || !isKnown || layout > newest) {
    throw new VaultError("INVALID", `Could not read ${what}: it was written by a newer version of wa-vault.`, {
      hint: "Use at least the version that wrote it.",
    });
  }
  if (frame[4] !== KINDS.indexOf(kind) + 1) throw corrupt(what, "it is of another kind");
  const facts = { codec, layout, bytes: frame.readUInt32BE(8) };
  const split = (at: number): { header: Buffer; body: Buffer } => ({
    header: frame.subarray(0, at),
    body: frame.subarray(at, -CHECKSUM),
  });
  if (version === PLAIN) return { ...facts, ...split(PLAIN_HEADER) };
  const headerBytes = SCRYPT + (source === PASSPHRASE ? SCRYPT_BYTES : 0);
  if (frame.length < headerBytes + TAG_BYTES + CHECKSUM) throw corrupt(what, "it is too short");
  const id = frame.toString("hex", KEY_ID, NONCE);
  const scrypt = source === PASSPHRASE ? unpackScrypt(frame.subarray(SCRYPT, headerBytes)) : undefined;
  if (source === PASSPHRASE && !scrypt) throw corrupt(what, "its parameters of scrypt are out of range");
  return { ...facts, ...split(headerBytes), sealedBy: { id, scrypt } };
}

/** Whether it is, or was before it was damaged, an encrypted frame. */
export function isEncrypted(frame: Buffer): boolean {
  return frame.subarray(0, MAGIC.length).equals(MAGIC) && frame[3] === ENCRYPTED;
}

/** Id of the key of an encrypted frame; `undefined` of a plain one. */
export function keyOf(frame: Buffer): string | undefined {
  return isEncrypted(frame) ? frame.toString("hex", KEY_ID, NONCE) : undefined;
}

/**
 * The content of a frame.
 * @param seal the key and the place of an encrypted one.
 * @throws `CORRUPT` when the frame was made for another place, or was changed.
 */
export async function contentOf(
  { codec, bytes, header, body, sealedBy }: ReadFrame,
  what: string,
  seal?: Pick<Seal, "secret" | "place">,
): Promise<Buffer> {
  const packed = { codec, body: sealedBy && seal ? decrypt(header, body, seal, what) : body };
  const plain = await unpack(packed, bytes, nodeZstd).catch((cause) => notUnpacked(what, cause));
  if (plain.length !== bytes) throw corrupt(what, "its length differs");
  if (packed.body !== body && packed.body !== plain) discardWholeBuffer(packed.body);
  return plain;
}

/** Writes the rest of the header, the encrypted body and the tag. @returns the checksum of all that */
function encryptInto(frame: Buffer, bodyAt: number, body: Buffer, { id, scrypt, secret, place }: Seal): number {
  frame.write(id, KEY_ID, "hex");
  const nonce = randomBytes(SCRYPT - NONCE);
  nonce.copy(frame, NONCE);
  if (scrypt) packScrypt(scrypt).copy(frame, SCRYPT);
  const header = frame.subarray(0, bodyAt);
  const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(boundData(header, place));
  let checksum = crc32(header);
  for (let at = 0; at < body.length; at += PIECE_BYTES) {
    const piece = cipher.update(body.subarray(at, at + PIECE_BYTES));
    piece.copy(frame, bodyAt + at);
    checksum = crc32(piece, checksum);
  }
  cipher.final();
  const tag = cipher.getAuthTag();
  tag.copy(frame, bodyAt + body.length);
  return crc32(tag, checksum);
}

function decrypt(
  header: Buffer,
  body: Buffer,
  { secret, place }: Pick<Seal, "secret" | "place">,
  what: string,
): Buffer {
  const nonce = header.subarray(NONCE, SCRYPT);
  const decipher = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(boundData(header, place)).setAuthTag(body.subarray(-TAG_BYTES));
  const plain = decipher.update(body.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    throw corrupt(what, "it was changed, or was written for another place");
  }
  return plain;
}

/** The associated data: the whole header, and the place that the frame is for. */
function boundData(header: Buffer, place: string): Buffer {
  return Buffer.concat([header, Buffer.from(place)]);
}

function notUnpacked(what: string, cause: unknown): never {
  if (isVaultError(cause)) throw cause;
  // The checksum was right. An older generation would need as much memory.
  if (isOutOfMemory(cause)) {
    throw new VaultError("UNAVAILABLE", `Could not read ${what}: this process is out of memory.`, { cause });
  }
  throw corrupt(what, "it cannot be decompressed", cause);
}

function corrupt(what: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not read ${what}: ${why}.`, { cause });
}
