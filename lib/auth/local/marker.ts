import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, uniqueName } from "../../disk/durable.ts";
import { codeOf } from "../../disk/errors.ts";

/** What this version writes, and reads. */
const VERSION = 1;
/** Its name inside the profile: it travels with the profile in every rename. */
export const MARKER_NAME = ".wa-vault.json";

/** How many of its ancestors a marker names: a day of saves, five minutes apart. */
const REMEMBERED = 300;

/** Says which stored session a local profile descends from. */
export interface Marker {
  readonly session: string;
  /** Names the stored content exactly: the id of a generation's entry, or the SHA-256 of a zip. */
  readonly base: string;
  /** The generation's number, where the store has numbers, and has not lost the one that the profile was saved as. */
  readonly generation?: number;
  /** A page asked for a link in this profile since: what is stored may be better. */
  readonly disowned?: boolean;
  /** The credentials that were on disk then, as far as that is known. */
  readonly link?: string;
  /** The bases that this one came after, oldest first: where the store is back at one of them, it has lost the rest. */
  readonly ancestors?: readonly string[];
}

/**
 * The marker of the profile at `dir`; `undefined` when there is none that can be read as one. What is torn, or was written
 * by a version that means something else by it, proves nothing: at worst that costs a restore.
 */
export async function readMarker(dir: string): Promise<Marker | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, MARKER_NAME), "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
  try {
    const { v, session, base, ...more } = JSON.parse(text) as Partial<Marker & { v: number }>;
    if (v !== VERSION || typeof session !== "string" || typeof base !== "string") return undefined;
    return {
      session,
      base,
      ...(typeof more.generation === "number" ? { generation: more.generation } : {}),
      ...(more.disowned === true ? { disowned: true } : {}),
      ...(typeof more.link === "string" ? { link: more.link } : {}),
      ...(isStrings(more.ancestors) ? { ancestors: more.ancestors } : {}),
    };
  } catch {
    return undefined;
  }
}

/** `ancestors`, and `base` as the newest of them. */
export function withAncestor(ancestors: readonly string[], base: string): readonly string[] {
  return [...ancestors.filter((each) => each !== base), base].slice(-REMEMBERED);
}

/** Those of `ancestors` that came before `base`; `undefined` where it is not among them. */
export function before(ancestors: readonly string[], base: string): readonly string[] | undefined {
  const at = ancestors.indexOf(base);
  return at < 0 ? undefined : ancestors.slice(0, at);
}

/** Writes the marker durably: whoever finds it finds it whole. */
export async function writeMarker(dir: string, marker: Marker): Promise<void> {
  const path = join(dir, MARKER_NAME);
  const write = (): Promise<void> =>
    replaceFile(path, (file) => file.writeFile(JSON.stringify({ v: VERSION, ...marker })), uniqueName(`${path}.`));
  try {
    await write();
  } catch (error) {
    // A directory of that name is nobody's.
    if (codeOf(error) !== "EISDIR") throw error;
    await removeMarker(dir);
    await write();
  }
}

/** From now on the profile descends from nothing that is stored. */
export async function removeMarker(dir: string): Promise<void> {
  await rm(join(dir, MARKER_NAME), { recursive: true, force: true });
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
