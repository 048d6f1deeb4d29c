// `lib/archive` reads and writes the zips of the stores with whatsapp-web.js's four methods: yauzl reads the records,
// the checks and the writer are here. It imports `lib/disk`, `lib/async`, the store types and the errors. `lib/vault`,
// `lib/auth`, `lib/copy-session` and `test/contract` may import it.
import { VaultError } from "../errors.ts";

/** How a person makes a zip that is read, as a sentence for hints. */
export const HOW_TO_ZIP: string =
  "Zip the folder `Default` of the profile, while no browser has it open: `zip -r session.zip Default` in the folder " +
  "of the profile, or `tar -a -c -f session.zip Default` on Windows.";

/** Hints for zips that are whole and cannot be used. */
export const HINTS: Record<
  "method" | "encrypted" | "link" | "twice" | "name" | "separators" | "several" | "parts" | "format",
  string
> = {
  method: `Only stored and deflated files are read; 7-Zip needs \`7z a -tzip -mm=Deflate\`. ${HOW_TO_ZIP}`,
  encrypted: `Make the zip without a password. ${HOW_TO_ZIP}`,
  link: `Make the zip with the files that links lead to, without \`-y\` of zip and \`-snl\` of 7-Zip. ${HOW_TO_ZIP}`,
  twice: `Make the zip anew, and not by adding to an older one. ${HOW_TO_ZIP}`,
  name: `Names of files begin at the profile, such as \`Default/Local Storage\`. ${HOW_TO_ZIP}`,
  separators: `Some names have \`\\\` between folders and others \`/\`: make the zip anew with one program. ${HOW_TO_ZIP}`,
  several: `Only one session fits into a zip. ${HOW_TO_ZIP}`,
  parts: `Unpack all parts together with 7-Zip (\`7z x session.zip\`), and make one zip. ${HOW_TO_ZIP}`,
  format: `Unpack it, and make a zip. ${HOW_TO_ZIP}`,
};

/** `CORRUPT`: the bytes of the zip have changed since it was written, or some are missing. */
export function damaged(zipPath: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not unzip ${zipPath}: the zip is damaged: ${why}.`, {
    hint: "Restore an older copy of the session.",
    cause,
  });
}

/** `INVALID`: the zip is whole, but unsafe to unpack, or not one that is read. */
export function refused(zipPath: string, why: string, hint: string = HOW_TO_ZIP): VaultError {
  return new VaultError("INVALID", `Could not unzip ${zipPath}: the zip is refused: ${why}.`, { hint });
}
