import { readFile } from "node:fs/promises";
import { codeOf, diskError } from "../lib/disk/errors.ts";
import { VaultError } from "../lib/errors.ts";

/** Variables by their names, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of a variable, or the text of the file that `<name>_FILE` names; `undefined` when neither is set.
 * @throws `INVALID` when both are set, the value or the file is empty, or a directory is named; `UNAVAILABLE` when the file is
 *   not there; `DENIED` when it may not be read
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
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(named, path, cause);
  });
  // An editor of Windows may have written two bytes for each letter.
  const text = bytes.toString(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf16le" : "utf8").trim();
  if (text !== "") return text;
  throw new VaultError("INVALID", `${named} names a file that is empty: ${path}.`);
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
