import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { forEachConcurrent } from "../../async/semaphore.ts";
import { codeOf, diskError } from "../../disk/errors.ts";
import { readWholeFile } from "../../disk/read-whole-file.ts";
import { VaultError } from "../../errors.ts";
import { credentialsFault } from "../credentials.ts";
import type { Family } from "../families.ts";
import { CREDS_KEY } from "../record-key.ts";
import type { AuthenticationCreds } from "../types.ts";
import { CREDS_FILE, parseFileName } from "./file-names.ts";
import { parseJsonValue } from "./json-values.ts";

/** What a directory has. */
export interface MultiFileContent {
  readonly creds: AuthenticationCreds;
  readonly records: readonly { readonly type: Family; readonly id: string; readonly value: unknown }[];
  /** Names beside them that are no files of Baileys, or hold nothing; of directories with a slash. */
  readonly skipped: readonly string[];
  /** For people. */
  readonly warnings: readonly string[];
}

/** A file of a record. */
interface RecordFile {
  readonly name: string;
  readonly type: Family;
  readonly id: string;
}

const READS_AT_ONCE = 16;
/** Far more than any record of Baileys has. */
const LARGEST_FILE = 64 * 1024 * 1024;

/**
 * Reads a directory of `useMultiFileAuthState`, and changes nothing in it.
 * @param options.onRecord called after each record
 * @throws `ABSENT` when there is no such directory, or none of Baileys' files is in it; `CORRUPT` naming the file when one is
 *   damaged, or there are files of records and no `creds.json`; `INVALID` when it is no directory; `DENIED` or `UNAVAILABLE`
 *   when the disk fails
 */
export async function readMultiFile(
  directory: string,
  { onRecord = () => {}, signal }: { onRecord?: (() => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<MultiFileContent> {
  const { files, others, hasCreds } = await listFiles(directory);
  if (!hasCreds) throw withoutCreds(directory, files.length, others);
  const warnings: string[] = [];
  const creds = parse(await read(directory, CREDS_FILE), {
    directory,
    name: CREDS_FILE,
    family: CREDS_KEY,
    others,
    warnings,
  });
  const fault = credentialsFault(creds);
  if (fault) throw damaged(directory, CREDS_FILE, `these are no credentials, ${fault}`, others);
  const values = new Map<string, unknown>();
  const work = async ({ name, type }: RecordFile): Promise<void> => {
    const bytes = await read(directory, name);
    values.set(name, parse(bytes, { directory, name, family: type, others, warnings }));
    onRecord();
  };
  await forEachConcurrent(files, READS_AT_ONCE, work, signal);
  const records = files.map(({ name, type, id }) => ({ name, type, id, value: values.get(name) }));
  // Baileys reads it as an absent one.
  const empty = records.filter(({ value }) => value === null).map(({ name }) => name);
  return {
    creds: creds as AuthenticationCreds,
    records: records.filter(({ value }) => value !== null),
    skipped: [...others, ...empty].sort(),
    warnings: [...warnings.sort(), ...warningsOf(directory, files, others)],
  };
}

/** The names in a directory. @throws as {@link readMultiFile} */
async function listFiles(directory: string): Promise<{ files: RecordFile[]; others: string[]; hasCreds: boolean }> {
  const files: RecordFile[] = [];
  const others: string[] = [];
  let hasCreds = false;
  try {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const { name } = entry;
      const record = parseFileName(name);
      if (entry.isDirectory()) others.push(`${name}/`);
      else if (name === CREDS_FILE) hasCreds = true;
      else if (record) files.push({ name, ...record });
      else others.push(name);
    }
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") throw new VaultError("ABSENT", `There is no directory ${directory}.`, { cause });
    if (codeOf(cause) !== "ENOTDIR") throw diskError(`read ${directory}`, cause);
    throw new VaultError("INVALID", `Could not read ${directory}: it is no directory.`, { cause });
  }
  return { files: files.sort((one, other) => (one.name < other.name ? -1 : 1)), others: others.sort(), hasCreds };
}

async function read(directory: string, name: string): Promise<Buffer> {
  try {
    return await readWholeFile(join(directory, name), { most: LARGEST_FILE });
  } catch (cause) {
    // It was there a moment ago: the directory is not at rest.
    if (codeOf(cause) === "ENOENT")
      throw new VaultError("CONFLICT", `Could not read ${join(directory, name)}: it has just been deleted.`, {
        cause,
        hint: "End the bot that uses the directory.",
      });
    throw diskError(`read ${join(directory, name)}`, cause);
  }
}

interface FileFacts {
  readonly directory: string;
  readonly name: string;
  readonly family: string;
  readonly others: readonly string[];
  readonly warnings: string[];
}

function parse(bytes: Buffer, { directory, name, family, others, warnings }: FileFacts): unknown {
  const { text, oddity } = decodeText(bytes) ?? {};
  if (text === undefined) throw damaged(directory, name, "it is not UTF-8", others);
  if (text.trim() === "") throw damaged(directory, name, "it is empty", others);
  if (oddity) warnings.push(`${join(directory, name)} ${oddity}. It was read all the same.`);
  try {
    return parseJsonValue(text, family);
  } catch {
    // The error of the parser quotes the file, which may hold keys.
    throw damaged(directory, name, "it is not JSON, or the rest of another file follows", others);
  }
}

/** The text of a file, without what a power failure or an editor has added; `undefined` when it is none. */
function decodeText(bytes: Buffer): { text: string; oddity?: string } | undefined {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end));
    const hasMark = text.startsWith("\ufeff");
    const oddities = [
      ...(hasMark ? ["begins with a byte order mark"] : []),
      ...(end < bytes.length ? ["ends with NUL bytes"] : []),
    ];
    return { text: hasMark ? text.slice(1) : text, ...(oddities.length > 0 ? { oddity: oddities.join(" and ") } : {}) };
  } catch {
    return undefined;
  }
}

function withoutCreds(directory: string, files: number, others: readonly string[]): VaultError {
  const copies = copiesOf(CREDS_FILE, others);
  if (files === 0 && copies.length === 0) {
    return new VaultError("ABSENT", `There is no session in ${directory}: it has no ${CREDS_FILE}.`);
  }
  return damaged(directory, CREDS_FILE, `it is not there, and ${files} files of records are`, others);
}

/** @param others names beside it that are no files of Baileys */
function damaged(directory: string, name: string, why: string, others: readonly string[]): VaultError {
  const copies = copiesOf(name, others);
  const beside = `Beside it: ${copies.join(", ")}. If one of them is whole, and the bot has not run since it was made, put it in its place.`;
  const otherwise =
    name === CREDS_FILE
      ? "Put back a copy of it that is as new as the other files; without one, the device has to be linked anew."
      : "If no copy of it is left, move it away: Baileys reads it as absent, and so does whoever migrates then.";
  return new VaultError("CORRUPT", `Could not read ${join(directory, name)}: ${why}.`, {
    hint: copies.length > 0 ? beside : otherwise,
  });
}

/** The names that look like copies of a file, e.g. `creds.json.bak` or `creds (1).json`. */
function copiesOf(name: string, others: readonly string[]): string[] {
  const stem = name.slice(0, name.lastIndexOf("."));
  return others.filter(
    (other) => other.startsWith(name) || (other.startsWith(stem) && /^[ .(-]/.test(other.slice(stem.length))),
  );
}

/** What is odd about the names in a directory. */
function warningsOf(directory: string, files: readonly RecordFile[], others: readonly string[]): string[] {
  const names = new Set(files.map(({ name }) => name));
  // Newer releases of Baileys rename a file to `.bak` before they write it anew.
  const interrupted = others.filter(
    (name) => /\.json\.(?:bak|tmp)$/.test(name) && parseFileName(name.slice(0, -4)) && !names.has(name.slice(0, -4)),
  );
  const unknown = others.filter((name) => /^[a-z][a-z-]*-[^\s()]+\.json$/.test(name));
  return [
    ...interrupted.map(
      (name) =>
        `${join(directory, name)} is there, and the file that it is a copy of is not: a write may have been interrupted.`,
    ),
    ...(unknown.length > 0
      ? [`Not known as records of Baileys, and left out: ${listed(unknown)} in ${directory}.`]
      : []),
  ];
}

function listed(names: readonly string[]): string {
  const more = names.length - 5;
  return names.slice(0, 5).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
