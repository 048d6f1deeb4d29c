import type { VaultError } from "../lib/errors.ts";

/** What hints of the library name, and what a person at a terminal does in its place. */
const IN_PLACE: readonly (readonly [library: string, command: string])[] = [
  ["Give the store a key, as `encryption`.", "Set WA_VAULT_KEY."],
  ["call `renameSession` again", "run the command again"],
  [
    "`undelete` brings it back, until `retainMs` after the deletion.",
    "`wa-vault undelete` brings it back, in its time.",
  ],
];

/** What a person at a terminal can do; the hints of the library name its options. */
export function hintOf({ code, hint }: VaultError): string | undefined {
  // Whoever names a variable of the command knows which key is meant, such as that of a file.
  if (code !== "WRONG_KEY" || hint?.includes("WA_VAULT_")) {
    return IN_PLACE.reduce((text, [library, command]) => text?.replace(library, command), hint);
  }
  return (
    "Nothing was changed. Set WA_VAULT_KEY to that key, or to several keys with commas between them (of the store that " +
    "sessions go to: WA_VAULT_TO_KEY). Without its key nobody can change or delete a session by a command."
  );
}
