import { createHash } from "node:crypto";
import { VaultError } from "../errors.ts";
import type { Changes } from "./changes.ts";
import { CREDS_NAME, isRecordName } from "./names.ts";

/** What a record of the credentials is told by; of none, an empty text. */
export function printOf(creds: Buffer | undefined): string {
  return creds ? createHash("sha256").update(creds).digest("hex") : "";
}

/** Changes that are to be made on several servers, as they are noted on one of them before the first of them is made. */
export interface Journal {
  readonly changes: Changes;
  /** {@link printOf} the credentials as they may be stored before. */
  readonly before: readonly string[];
}

export function packJournal({ changes, before }: Journal): Buffer {
  const set = Object.fromEntries(
    [...changes.records].map(([name, bytes]) => [name, bytes ? bytes.toString("base64") : null]),
  );
  return Buffer.from(JSON.stringify({ version: 1, before, deleteAll: changes.deleteAll, set }));
}

/** @throws `CORRUPT` when it is no journal; `INVALID` when a newer version wrote it */
export function unpackJournal(bytes: Buffer, what: string): Journal {
  let json: { [name: string]: unknown } = {};
  try {
    json = Object(JSON.parse(bytes.toString("utf8")));
  } catch {
    // Said below.
  }
  const { version, before, deleteAll, set } = json;
  if (typeof version === "number" && version > 1) {
    throw new VaultError("INVALID", `Could not read ${what}: a newer version of wa-vault wrote it.`, {
      hint: "Update wa-vault.",
    });
  }
  const records = Object.entries(Object(set) as object);
  const isWhole =
    version === 1 &&
    isTexts(before) &&
    (deleteAll === undefined || deleteAll === "everything" || deleteAll === "keys") &&
    records.every(([name, value]) => isRecordName(name) && (value === null || typeof value === "string"));
  if (!isWhole) throw new VaultError("CORRUPT", `Could not read ${what}: it is not what was stored.`);
  return {
    before,
    changes: {
      deleteAll,
      records: new Map(
        records.map(([name, value]) => [name, value === null ? undefined : Buffer.from(value as string, "base64")]),
      ),
    },
  };
}

/** Whether the stored credentials show that nobody else has gone on since: then the changes may be made. */
export function isCurrent({ changes, before }: Journal, stored: Buffer | undefined): boolean {
  const own = changes.records.get(CREDS_NAME);
  if (stored === undefined && changes.deleteAll === "everything") return true;
  return [...before, ...(own ? [printOf(own)] : [])].includes(printOf(stored));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
