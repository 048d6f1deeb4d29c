import { VaultError } from "../errors.ts";

const EXPORT = "Export the whole session from its store: `wa-vault export`.";

/** How files of other kinds begin. */
const BEGINNINGS: readonly (readonly [begins: string, what: string, hint?: string])[] = [
  [
    "PK\x03\x04",
    "a zip",
    "If it holds a session file, unpack it first. The zip of a `RemoteAuth` is taken by `wa-vault import`, and by `pushSession`.",
  ],
  ["PK\x05\x06", "an empty zip"],
  ["\x1f\x8b", "compressed with gzip", "Unpack it first."],
  ["\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it first."],
  ["\xfd7zXZ\0", "compressed with xz", "Unpack it first."],
  ["BZh", "compressed with bzip2", "Unpack it first."],
  ["7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first."],
  ["Rar!", "a RAR archive", "Unpack it first."],
  ["age-encryption.org/", "encrypted with age", "Decrypt it first."],
  ["-----BEGIN ", "encrypted or signed, as text", "Decrypt it first."],
  ["Salted__", "encrypted with openssl", "Decrypt it first."],
  ["SQLite format 3\0", "a database of SQLite"],
  ["WAV\x01", "a single value of a store", EXPORT],
  ["WAV\x02", "a single value of a store", EXPORT],
];
const FETCH = "Nothing was changed. Fetch it again from where it is kept, byte for byte, or use another copy.";

/** The error of a session file that is not as it was written. */
export function damagedFile(path: string, why: string): VaultError {
  return new VaultError("CORRUPT", `The session file ${path} is damaged: ${why}.`, { hint: FETCH });
}

/** The error of a session file whose version is not known here. */
export function newerFile(path: string): VaultError {
  return new VaultError("INVALID", `The session file ${path} was written by a newer version of wa-vault.`, {
    hint: "Nothing was changed. Update wa-vault, and try again.",
  });
}

/** The error of any other file. @param begins its first bytes, or what it is */
export function foreignFile(path: string, begins: Buffer | string): VaultError {
  const [what, hint] = typeof begins === "string" ? [begins] : kindOf(begins);
  return new VaultError("INVALID", `${path} is no session file: it is ${what}.`, {
    hint: hint ?? "A session file is written by `wa-vault export`, or by `exportSession`. Check the name.",
  });
}

function kindOf(begins: Buffer): readonly [what: string, hint?: string | undefined] {
  const text = begins.toString("latin1");
  if (text.slice(257, 262) === "ustar") return ["a tar archive", "Unpack it first."];
  for (const [begin, what, hint] of BEGINNINGS) if (text.startsWith(begin)) return [what, hint];
  const isText = !begins.some((byte) => byte < 9 || (byte > 13 && byte < 32));
  return [isText ? "text" : "of a kind that is not known"];
}
