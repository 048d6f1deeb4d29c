import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VaultError } from "../errors.ts";
import { sessionName } from "./layout.ts";

/** What {@link findZip} takes. */
export interface ZipPlaceOptions {
  /** In any of the shapes that whatsapp-web.js's versions hand over. */
  readonly session: string;
  /** Where the caller says it is. */
  readonly path?: string | undefined;
  /** Where the strategy was told to keep its data. */
  readonly dataPath?: string | undefined;
  /** Milliseconds since 1970: an older zip is somebody's leftover. */
  readonly notBefore: number;
}

/** File systems round a file's time, the coarsest to two seconds. */
const CLOCK_SLACK_MS = 2_000;

/**
 * The zip a strategy has just written. A `path` that is there is the one; else it is the newest of the places where the
 * versions of whatsapp-web.js put it.
 * @throws `INVALID` naming every place when there is none.
 */
export async function findZip({ session, path, dataPath, notBefore }: ZipPlaceOptions): Promise<string> {
  if (path !== undefined && (await timeOf(path)) !== undefined) return path;
  const file = `${sessionName(session)}.zip`;
  const places = [`${session}.zip`, ...(dataPath ? [join(dataPath, file)] : []), join(".wwebjs_auth", file), file];
  let newest: { place: string; at: number } | undefined;
  for (const place of places) {
    const at = await timeOf(place);
    if (at !== undefined && at >= notBefore - CLOCK_SLACK_MS && at > (newest?.at ?? 0)) newest = { place, at };
  }
  if (newest) return newest.place;
  const tried = [...new Set([...(path === undefined ? [] : [path]), ...places].map((place) => resolve(place)))];
  throw new VaultError(
    "INVALID",
    `Found no zip of ${session} written since this store was made: tried ${tried.join(", ")}.`,
    {
      hint: "Give the store the same `dataPath` as the strategy.",
    },
  );
}

async function timeOf(path: string): Promise<number | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    return mtimeMs;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
