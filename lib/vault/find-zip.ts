import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VaultError } from "../errors.ts";
import { sessionName } from "./layout.ts";

/** What {@link findZip} takes. */
export interface FindZipOptions {
  /** The name, in any of the forms that the versions of whatsapp-web.js use. */
  readonly session: string;
  /** The path that the caller names. */
  readonly path?: string | undefined;
  /** The `dataPath` of the strategy. */
  readonly dataPath: string;
  /** Milliseconds since 1970: an older zip is a leftover. */
  readonly notBefore: number;
}

/** File systems round a file's time, the coarsest to two seconds. */
const CLOCK_SLACK_MS = 2_000;

/**
 * Path of the zip that a strategy has just written: `path` when that exists, else the newest of the paths to which the
 * versions of whatsapp-web.js write it.
 * @throws `INVALID` naming every path that was tried when there is no zip.
 */
export async function findZip({ session, path, dataPath, notBefore }: FindZipOptions): Promise<string> {
  if (path !== undefined && (await timeOf(path)) !== undefined) return path;
  const file = `${sessionName(session)}.zip`;
  const candidates = [`${session}.zip`, join(dataPath, file), join(".wwebjs_auth", file), file];
  let newest: { path: string; at: number } | undefined;
  for (const candidate of candidates) {
    const at = await timeOf(candidate);
    if (at !== undefined && at >= notBefore - CLOCK_SLACK_MS && at > (newest?.at ?? 0))
      newest = { path: candidate, at };
  }
  if (newest) return newest.path;
  const tried = [...new Set([...(path === undefined ? [] : [path]), ...candidates].map((tried) => resolve(tried)))];
  const message = `Found no zip of ${session} written since this store was made: tried ${tried.join(", ")}.`;
  throw new VaultError("INVALID", message, { hint: "Give the store the same `dataPath` as the strategy." });
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
