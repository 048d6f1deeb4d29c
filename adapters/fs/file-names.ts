// Names on disk. Two keys never have one name, also where the disk ignores case, keeps names for devices, drops a
// trailing dot, or allows 255 bytes. Keys hold neither "+" nor "=": "+x" is the capital X, and "=" begins a suffix.

const BLOB = "=blob";
const TEMPORARY = /=[0-9a-f]{16}\.tmp$/;
const CONTINUES = "=~";
const GUARD = "==";
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|\.$/;

/** The kind of a name on disk, and the text that it adds to a key. */
export type NameOnDisk =
  | { readonly kind: "directory" | "blob"; readonly text: string }
  | { readonly kind: "temporary" | "foreign" };

/** The directories that stand for one segment of a key: one, unless it is very long. */
export function directoryNames(segment: string): string[] {
  return namesOf(segment, (last) => (RESERVED.test(last) ? last + GUARD : last));
}

/** The directories, if any, and the file that stand for the last segment of a key. */
export function fileNames(segment: string): string[] {
  return namesOf(segment, (last) => last + BLOB);
}

/** A name for a file that becomes `name` once it is whole. @param random 16 hexadecimal digits */
export function temporaryName(name: string, random: string): string {
  return `${name}=${random}.tmp`;
}

/** The reverse of the above, for one name in a listing. */
export function readName(name: string, isDirectory: boolean): NameOnDisk {
  if (isDirectory && name.endsWith(CONTINUES))
    return { kind: "directory", text: join(name.slice(0, -CONTINUES.length)) };
  if (isDirectory)
    return { kind: "directory", text: `${join(name.endsWith(GUARD) ? name.slice(0, -GUARD.length) : name)}/` };
  if (name.endsWith(BLOB)) return { kind: "blob", text: join(name.slice(0, -BLOB.length)) };
  return { kind: TEMPORARY.test(name) ? "temporary" : "foreign" };
}

function namesOf(segment: string, ended: (last: string) => string): string[] {
  const escaped = segment.replace(/[A-Z]/g, (capital) => `+${capital.toLowerCase()}`);
  // Never cut between an escape and its letter.
  const parts = escaped.match(/(?:\+.|[^+]){1,90}/g) ?? [escaped];
  return parts.map((part, index) => (index < parts.length - 1 ? part + CONTINUES : ended(part)));
}

function join(escaped: string): string {
  return escaped.replace(/\+([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
