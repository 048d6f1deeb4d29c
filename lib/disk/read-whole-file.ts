import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { VaultError } from "../errors.ts";
import { codeOf } from "./errors.ts";

/** Without it a pipe that nobody writes to would keep the call, and a thread of Node, for ever. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** How much is read at once of a file whose size is not known. */
const PART_BYTES = 64 * 1024;

/** What {@link readWholeFile} takes. */
export interface WholeFileOptions {
  /** More bytes than any such file has. */
  readonly most: number;
  /** Named in errors. @default the path */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a file, in memory of their own. A pipe, a socket or a device in the place of the file is never waited for, and
 * a file that would fill the memory is never read.
 * @throws `CORRUPT` when it is no regular file, or larger than `most`; else the error of the disk; the reason of the signal
 */
export async function readWholeFile(path: string, { name = path, ...options }: WholeFileOptions): Promise<Buffer> {
  const file = await open(path, FLAGS).catch((cause: unknown) => {
    // A socket.
    throw codeOf(cause) === "ENXIO" ? noFile(name, cause) : cause;
  });
  try {
    return await readOpenedFile(file, { name, ...options });
  } finally {
    await file.close();
  }
}

/** As {@link readWholeFile}, of a file that is open. */
export async function readOpenedFile(
  file: FileHandle,
  { most, name = "a file", signal }: WholeFileOptions,
): Promise<Buffer> {
  const status = await file.stat();
  if (!status.isFile() && !status.isDirectory()) throw noFile(name);
  if (status.isFile() && status.size > most) throw tooLarge(name, `${status.size}`, most);
  if (status.isFile() && status.size === 0) return await readToEnd(file, { most, name, signal });
  // Of a directory, reading says what is wrong.
  const bytes = Buffer.allocUnsafeSlow(status.isDirectory() ? 1 : status.size);
  let length = 0;
  while (length < bytes.length) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

/** Of a file that says it is empty: of the file systems of programs (FUSE), some say so of every file. */
async function readToEnd(file: FileHandle, { most, name = "a file", signal }: WholeFileOptions): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let length = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(PART_BYTES), 0, PART_BYTES, length);
    if (bytesRead === 0) return Buffer.concat(parts, length);
    length += bytesRead;
    if (length > most) throw tooLarge(name, `more than ${most}`, most);
    parts.push(buffer.subarray(0, bytesRead));
  }
}

function tooLarge(name: string, bytes: string, most: number): VaultError {
  return new VaultError("CORRUPT", `Could not read ${name}: it has ${bytes} bytes, and ${most} at most are right.`);
}

function noFile(name: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not read ${name}: it is no regular file.`, {
    cause,
    hint: "A pipe, a socket or a device is in its place: move it away.",
  });
}
