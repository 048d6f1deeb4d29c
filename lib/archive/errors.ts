// `lib/archive` reads and writes the zips of the stores with whatsapp-web.js's four methods: yauzl reads the records, the
// checks and the writer are here. It imports `lib/disk`, `lib/async`, the store types and the errors.
import { VaultError } from "../errors.ts";

/** `CORRUPT`: the zip is not what was once written. */
export function damaged(zipPath: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not unzip ${zipPath}: the zip is damaged: ${why}.`, {
    hint: "Restore an older copy of the session.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** `INVALID`: the zip is whole, and is not to be unpacked. */
export function refused(zipPath: string, why: string): VaultError {
  return new VaultError("INVALID", `Could not unzip ${zipPath}: the zip is refused: ${why}.`);
}
