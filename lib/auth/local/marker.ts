import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, uniqueName } from "../../disk/durable.ts";
import { codeOf } from "../../disk/errors.ts";
import type { StoredVersion } from "../store/store-session.ts";

/** What this version writes, and reads. */
const VERSION = 1;
/** Its name inside the profile: it travels with the profile in every rename. */
export const MARKER_NAME = ".wa-vault.json";

/** Says which stored session a local profile comes from. */
export interface Marker {
  readonly session: string;
  /** The versions that the profile comes from, oldest first, at least one; only the newest has a generation here. */
  readonly history: readonly StoredVersion[];
  /** A page asked for a link in this profile since: the stored session may be better. */
  readonly isSuperseded: boolean;
  /** Hash of the credentials that were on disk then, as far as that is known. */
  readonly refusedCredentials: string | undefined;
}

/** The marker as its file has it. */
interface MarkerFile {
  readonly v: number;
  readonly session: string;
  /** Id of the newest version. */
  readonly base: string;
  /** Its generation, where the store has numbers, and has not lost the one that the profile was saved as. */
  readonly generation?: number;
  readonly disowned?: true;
  /** The refused credentials. */
  readonly link?: string;
  /** Ids of the versions before the newest one, oldest first. */
  readonly ancestors?: readonly string[];
}

/**
 * The marker of the profile at `dir`; `undefined` when there is none that can be read as one. A torn marker, or one of a
 * version that means something else by it, proves nothing: at worst that costs a restore.
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
    const { v, session, base, generation, ancestors, ...more } = JSON.parse(text) as Partial<MarkerFile>;
    if (v !== VERSION || typeof session !== "string" || typeof base !== "string") return undefined;
    const before = isStrings(ancestors) ? ancestors.map((id) => ({ id })) : [];
    return {
      session,
      history: [...before, { id: base, ...(typeof generation === "number" ? { generation } : {}) }],
      isSuperseded: more.disowned === true,
      refusedCredentials: typeof more.link === "string" ? more.link : undefined,
    };
  } catch {
    return undefined;
  }
}

/** Writes the marker durably: whoever finds it finds it whole. */
export async function writeMarker(dir: string, marker: Marker): Promise<void> {
  const text = JSON.stringify(fileOf(marker));
  const path = join(dir, MARKER_NAME);
  const write = (): Promise<void> => replaceFile(path, (file) => file.writeFile(text), uniqueName(`${path}.`));
  try {
    await write();
  } catch (error) {
    // A directory of that name is nobody's.
    if (codeOf(error) !== "EISDIR") throw error;
    await removeMarker(dir);
    await write();
  }
}

function fileOf({ session, history, isSuperseded, refusedCredentials }: Marker): MarkerFile {
  const newest = history.at(-1);
  if (newest === undefined) throw new TypeError("A marker names at least one version.");
  const ancestors = history.slice(0, -1).map(({ id }) => id);
  return {
    v: VERSION,
    session,
    base: newest.id,
    ...(newest.generation === undefined ? {} : { generation: newest.generation }),
    ...(isSuperseded ? { disowned: true } : {}),
    ...(isSuperseded && refusedCredentials !== undefined ? { link: refusedCredentials } : {}),
    ...(ancestors.length === 0 ? {} : { ancestors }),
  };
}

/** From now on the profile comes from nothing that is stored. */
export async function removeMarker(dir: string): Promise<void> {
  await rm(join(dir, MARKER_NAME), { recursive: true, force: true });
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
