import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { codeOf, diskError } from "../lib/disk/errors.ts";
import { isVaultError, VaultError } from "../lib/errors.ts";

/** More than any address, key or chain of certificates has, in bytes. */
const MOST_BYTES = 1024 * 1024;
/** A pipe that nobody writes to would keep the call for ever. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** How long a pipe, as of `<(…)` in a shell, may have nothing to read, and how often it is asked, in milliseconds. */
const PIPE_MS = 30_000;
const PIPE_LOOK_MS = 20;
const CHECK = "It is to have the value alone: check the path.";

/** Variables by their names, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of a variable, or the text of the file that `<name>_FILE` names; `undefined` when neither is set.
 * @throws `INVALID` when both are set, the value or the file is empty, or a directory, a device or more than a mebibyte is
 *   named; `UNAVAILABLE` when the file is not there, or is a pipe that nothing comes from; `DENIED` when it may not be read
 */
export async function fromEnvironment(env: Environment, name: string): Promise<string | undefined> {
  const fileName = `${name}_FILE`;
  const { [name]: value, [fileName]: file } = env;
  if (value !== undefined && file !== undefined) {
    throw new VaultError("INVALID", `${name} and ${fileName} are both set.`, { hint: "Unset one of them." });
  }
  // What a deployment has forgotten to fill must not look like what was never wanted.
  if (value !== undefined && isBlank(value)) throw empty(name);
  if (file !== undefined && isBlank(file)) throw empty(fileName);
  return file === undefined ? value : await readNamedFile(fileName, file);
}

/**
 * The text of a file without the byte order mark, blanks and line breaks around it: a file mostly ends with a line break.
 * @param named what names the file, for messages
 */
export async function readNamedFile(named: string, path: string): Promise<string> {
  const bytes = await bytesOf(named, path).catch((cause: unknown) => {
    throw isVaultError(cause) ? cause : unreadable(named, path, cause);
  });
  // An editor of Windows may have written two bytes for each letter.
  const text = bytes.toString(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf16le" : "utf8").trim();
  if (text !== "") return text;
  throw new VaultError("INVALID", `${named} names a file that is empty: ${path}.`);
}

async function bytesOf(named: string, path: string): Promise<Buffer> {
  const file = await open(path, FLAGS);
  try {
    const status = await file.stat();
    if (status.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
    if (status.isFile() || status.isFIFO()) return await readBounded(named, path, file);
    throw new VaultError("INVALID", `${named} names a device, and needs a file: ${path}.`, { hint: CHECK });
  } finally {
    await file.close();
  }
}

/** Reads to the end, whatever size the system tells: that of some files in `/proc`, and of a pipe, is 0. */
async function readBounded(named: string, path: string, file: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(MOST_BYTES + 1);
  const until = performance.now() + PIPE_MS;
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes, length, bytes.length - length, null).catch((cause: unknown) => {
      if (codeOf(cause) === "EAGAIN") return undefined;
      throw cause;
    });
    if (read?.bytesRead === 0) return bytes.subarray(0, length);
    length += read?.bytesRead ?? 0;
    if (read !== undefined) continue;
    if (performance.now() > until) {
      throw new VaultError("UNAVAILABLE", `${named} names a pipe that nothing came from: ${path}.`, { hint: CHECK });
    }
    await setTimeout(PIPE_LOOK_MS);
  }
  throw new VaultError("INVALID", `${named} names a file of more than a mebibyte: ${path}.`, { hint: CHECK });
}

function unreadable(named: string, path: string, cause: unknown): VaultError {
  if (codeOf(cause) === "EISDIR") {
    return new VaultError("INVALID", `${named} names a directory, and needs a file: ${path}.`, {
      cause,
      hint: "Docker makes a directory where a file that it shall mount does not exist.",
    });
  }
  if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") {
    return new VaultError("UNAVAILABLE", `${named} names a file that is not there: ${path}.`, {
      cause,
      hint: "Is the secret mounted, and the path right? A relative one counts from the directory of the process.",
    });
  }
  const error = diskError(`read the file that ${named} names (${path})`, cause);
  if (error.code !== "DENIED") return error;
  return new VaultError("DENIED", error.message, { cause, hint: "Let the user of this process read that file." });
}

/** `trim` takes a byte order mark for a blank too. */
function isBlank(text: string): boolean {
  return text.trim() === "";
}

function empty(name: string): VaultError {
  return new VaultError("INVALID", `${name} is set, and is empty.`, { hint: "Set it to its value, or unset it." });
}
