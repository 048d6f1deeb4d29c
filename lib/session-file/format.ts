// `lib/session-file` keeps one session in one file, and moves it between files and stores: `export-session.ts` and
// `import-session.ts` are its public parts, FORMAT.md describes the bytes. It imports `copy-session`, the vault, the contract
// of blobs, `lib/profile`, `lib/archive`, `lib/baileys` (what credentials tell), disk and the errors; only `lib/index.ts`
// imports it.

/** Begins every session file: seven letters, and the version of the format. */
export const MAGIC: Buffer = Buffer.from("WAVAULT1", "latin1");
/** Before each record: the lengths of its key (16 bits) and of its value (32 bits). */
export const HEAD_BYTES = 6;
/** The end of every version: a SHA-256 of all bytes before it. */
export const HASH_BYTES = 32;
/** A head with a key of no characters, whose second number is how many records there are, and the hash. */
export const TRAILER_BYTES: number = HEAD_BYTES + HASH_BYTES;
/** The longest key, in bytes: that of the contract of blobs. */
export const MOST_KEY_BYTES = 512;
/** The most records: all keys are in memory. A session has some tens to some thousands. */
export const MOST_RECORDS = 65_536;
/** The largest value, in bytes: a reader has whole values in memory. */
export const MOST_VALUE_BYTES: number = 16 * 1024 * 1024;

/** The head of a record, or with a key of no characters that of the trailer. */
export function encodeHead(keyBytes: number, second: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE(keyBytes, 0);
  head.writeUInt32BE(second, 2);
  return head;
}

/** The two numbers of a head. */
export function decodeHead(head: Buffer): { keyBytes: number; second: number } {
  return { keyBytes: head.readUInt16BE(0), second: head.readUInt32BE(2) };
}
