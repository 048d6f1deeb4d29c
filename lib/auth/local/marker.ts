import { rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile, uniqueName } from "../../disk/durable.ts";
import { codeOf, isMissing } from "../../disk/errors.ts";
import { readWholeFile } from "../../disk/read-whole-file.ts";
import { isVaultError } from "../../errors.ts";
import type { StoredVersion } from "../store/store-session.ts";

/** The version of the file that this code writes and reads. */
const VERSION = 1;
/** Name of the marker's file inside the profile, so that the marker moves with the profile in every rename. */
const NAME = ".wa-vault.json";
const MOST_BYTES = 16 * 1024 * 1024;

/** The stored versions that a local profile descends from. */
export interface Marker {
  readonly session: string;
  /** The versions that the profile descends from, oldest first, at least one; only the newest has a generation here. */
  readonly history: readonly StoredVersion[];
  /** Since the newest version, a page asked for a link in this profile: the stored session may be better. */
  readonly isSuperseded: boolean;
  /** Hash of the credentials that were on disk when the page asked for a link; `undefined` when they are not known. */
  readonly refusedCredentials: string | undefined;
  /** Whether the store has lost a version that the profile was saved as: no store has the profile as it is. */
  readonly isUnsaved: boolean;
  /** The highest number of a log entry that was seen in the store; `undefined` for a store without a log. */
  readonly entry: number | undefined;
}

interface MarkerFile {
  readonly v: number;
  readonly session: string;
  /** Id of the newest version. */
  readonly base: string;
  /** Generation of the newest version, if the store has generations and has not lost that one. */
  readonly generation?: number;
  /** Set when the profile is superseded. */
  readonly disowned?: true;
  /** Hash of the refused credentials. */
  readonly link?: string;
  /** Ids of the versions before the newest one, oldest first. */
  readonly ancestors?: readonly string[];
  /** Set when no store has the profile as it is. */
  readonly unsaved?: true;
  /** The highest number of a log entry that was seen. */
  readonly entry?: number;
}

/**
 * The marker of the profile at `dir`; `undefined` when it is missing, torn or of another version: then the stored
 * version is restored.
 * @throws the error of the disk
 */
export async function readMarker(dir: string): Promise<Marker | undefined> {
  const text = await readText(dir);
  if (text === undefined) return undefined;
  try {
    const { v, session, base, generation, ancestors, ...more } = JSON.parse(text) as Partial<MarkerFile>;
    if (v !== VERSION || typeof session !== "string" || typeof base !== "string") return undefined;
    const before = isStrings(ancestors) ? ancestors.map((id) => ({ id })) : [];
    return {
      session,
      history: [...before, { id: base, ...(typeof generation === "number" ? { generation } : {}) }],
      isSuperseded: more.disowned === true,
      refusedCredentials: typeof more.link === "string" ? more.link : undefined,
      isUnsaved: more.unsaved === true,
      entry: typeof more.entry === "number" ? more.entry : undefined,
    };
  } catch {
    return undefined;
  }
}

/** The content of the marker; `undefined` when it is missing, or no file. */
async function readText(dir: string): Promise<string | undefined> {
  const bytes = await readWholeFile(join(dir, NAME), { most: MOST_BYTES }).catch((error: unknown) => {
    if (!isMissing(error) && codeOf(error) !== "EISDIR" && !isVaultError(error, "CORRUPT")) throw error;
  });
  return bytes?.toString("utf8");
}

/** A marker to be written. @default the profile is neither superseded nor unsaved, and no entry is known */
export type NewMarker = Pick<Marker, "session" | "history"> & Partial<Marker>;

/** Whether the marker of the profile at `dir` says just this. @throws the error of the disk, but for a missing one */
export async function isMarkedAs(dir: string, marker: NewMarker): Promise<boolean> {
  const text = await readText(dir);
  return text === JSON.stringify(fileOf(marker));
}

/** Replaces the marker durably and as a whole. @throws the error of the disk */
export async function writeMarker(dir: string, marker: NewMarker): Promise<void> {
  const text = JSON.stringify(fileOf(marker));
  const path = join(dir, NAME);
  const write = (): Promise<void> => replaceFile(path, (file) => file.writeFile(text), uniqueName(`${path}.`));
  try {
    await write();
  } catch (error) {
    // No marker is a directory: it may be removed.
    if (codeOf(error) !== "EISDIR") throw error;
    await removeMarker(dir);
    await write();
  }
}

function fileOf({ session, history, isSuperseded, refusedCredentials, isUnsaved, entry }: NewMarker): MarkerFile {
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
    ...(isUnsaved ? { unsaved: true } : {}),
    ...(entry === undefined ? {} : { entry }),
  };
}

/** Removes the marker: from now on the profile is a descendant of no stored version. */
export async function removeMarker(dir: string): Promise<void> {
  await rm(join(dir, NAME), { recursive: true, force: true });
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
