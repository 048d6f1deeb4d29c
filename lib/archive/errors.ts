// `lib/archive` reads and writes the zips of the stores with whatsapp-web.js's four methods: yauzl reads the records,
// the checks and the writer are here. It imports `lib/disk`, `lib/async`, the store types and the errors. `lib/vault`,
// `lib/auth`, `lib/copy-session` and `test/contract` may import it.
import { VaultError } from "../errors.ts";

/** `CORRUPT`: the bytes of the zip have changed since it was written, or some are missing. */
export function damaged(zipPath: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not unzip ${zipPath}: the zip is damaged: ${why}.`, {
    hint: "Restore an older copy of the session.",
    cause,
  });
}

/** `INVALID`: the zip is whole, but unsafe to unpack. */
export function refused(zipPath: string, why: string): VaultError {
  return new VaultError("INVALID", `Could not unzip ${zipPath}: the zip is refused: ${why}.`);
}
