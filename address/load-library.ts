import { codeOf } from "../lib/disk/errors.ts";
import { VaultError } from "../lib/errors.ts";

/**
 * Loads the first of several libraries that is installed.
 * @param forWhat what needs it, for the message, as "A store in Redis"
 * @throws `INVALID` with the line that installs one, when none is there; the error of a library that does not load
 */
export async function loadLibrary<T>(
  forWhat: string,
  libraries: readonly { readonly name: string; load(): Promise<T> }[],
): Promise<T> {
  for (const { name, load } of libraries) {
    try {
      return await load();
    } catch (error) {
      if (!isNotInstalled(error, name)) throw error;
    }
  }
  const names = libraries.map(({ name }) => name);
  const [first = ""] = names;
  throw new VaultError(
    "INVALID",
    `${forWhat} needs ${names.map((name) => `\`${name}\``).join(" or ")}, which is not installed.`,
    {
      hint: `Install it: \`npm install ${first}\`. With npx: \`npx --package=wa-vault --package=${first} wa-vault …\`.`,
    },
  );
}

/** Whether it is this library that is missing, and not one that it needs itself. */
function isNotInstalled(error: unknown, name: string): boolean {
  const isMissing = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(codeOf(error) ?? "");
  return isMissing && error instanceof Error && error.message.includes(`'${name}'`);
}
