import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zipFiles } from "../../lib/archive/zip.ts";
import type { Capture, CaptureFile } from "../../lib/store.ts";

/** Files by path. */
export type Files = Readonly<Record<string, Buffer>>;

/** How the files of a capture are said to change. */
const CHANGES: readonly (readonly [RegExp, CaptureFile["change"]])[] = [
  [/\.ldb$|\/CURRENT$/, "never"],
  [/\.log$|\/MANIFEST-\d+$/, "append"],
];

/** A capture of files in memory. `identity`: a file whose bytes did not change is known by its content. */
export function captureOf(files: Files, { identity = true }: { identity?: boolean } = {}): Capture {
  const captured = Object.entries(files).map(([path, content]): CaptureFile => {
    const change = CHANGES.find(([pattern]) => pattern.test(path))?.[1] ?? "anywhere";
    const read = async (position: number, length: number): Promise<Buffer> =>
      Buffer.from(content.subarray(position, position + length));
    const file = { path, size: content.length, change, read };
    return identity ? { ...file, identity: createHash("sha1").update(content).digest("hex") } : file;
  });
  return {
    files: captured,
    profile: { browserVersion: "156.0.8078.73", localStorage: "leveldb" },
    live: false,
    takenAt: new Date(),
    captureMs: 0,
    spreadMs: 0,
    close: async () => {},
  };
}

/** As {@link profileFiles}, of a device that is linked to the phone with this number, as WhatsApp Web writes it. */
export function linkedProfileFiles(phone: string, more: Files = {}): Files {
  return profileFiles(`\u0001"${phone}:7@c.us"`, more, "_https://web.whatsapp.com\0\u0001last-wid-md");
}

/** The least profile that Chromium would open with a session in it: a Local Storage of one record, and `more`. */
export function profileFiles(value: string, more: Files = {}, key = "key"): Files {
  const directory = "Default/Local Storage/leveldb";
  return {
    [`${directory}/CURRENT`]: Buffer.from("MANIFEST-000001\n"),
    [`${directory}/MANIFEST-000001`]: logRecord(versionEdit()),
    [`${directory}/000003.log`]: logRecord(writeBatch(key, value)),
    ...more,
  };
}

/** All files below `directory`, by path. */
export async function filesIn(directory: string, below = ""): Promise<Files> {
  const files: Record<string, Buffer> = {};
  for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) Object.assign(files, await filesIn(directory, path));
    else files[path] = await readFile(join(directory, path));
  }
  return files;
}

/** Fails unless both hold the same; says which files differ, without their bytes. */
export function assertSameFiles(actual: Files, expected: Files): void {
  assert.deepEqual(digestsOf(actual), digestsOf(expected));
}

function digestsOf(files: Files): Record<string, string> {
  const digest = (bytes: Buffer): string => `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, digest(bytes)]));
}

/** Writes a zip of the files at `path`, as a strategy does before it calls `save`. */
export async function writeZip(files: Files, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await zipFiles(captureOf(files).files, path);
}

/** Writes the files below `directory`. */
export async function writeFiles(files: Files, directory: string): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

/** Bytes that do not compress; the same seed, the same bytes. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state >>> 8;
  }
  return bytes;
}

function versionEdit(): Buffer {
  const comparator = "leveldb.BytewiseComparator";
  return Buffer.concat([
    Buffer.from([1, comparator.length]),
    Buffer.from(comparator),
    // Log number 3, next file 4, last sequence 0.
    Buffer.from([2, 3, 3, 4, 4, 0]),
  ]);
}

function writeBatch(key: string, value: string): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(1n, 0);
  head.writeUInt32LE(1, 8);
  return Buffer.concat([
    head,
    Buffer.from([1, key.length]),
    Buffer.from(key),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** One whole record of LevelDB's log format; short enough for one block. */
function logRecord(data: Buffer): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt16LE(data.length, 4);
  head[6] = 1;
  const crc = crc32c(Buffer.concat([head.subarray(6), data]));
  head.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
  return Buffer.concat([head, data]);
}

function crc32c(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
