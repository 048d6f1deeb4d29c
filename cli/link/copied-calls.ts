import { quoted } from "../terminal/quoted.ts";

/** A store as the calls that a person copies name it. */
export interface NamedStore {
  /**
   * The address that the command was given; without one it was in the environment, perhaps with a password, and is there for
   * the next call too.
   */
  readonly store?: string | undefined;
  /** @default this process's */
  readonly platform?: NodeJS.Platform;
}

/**
 * The call that stores a profile, as a person copies it into a shell.
 * @param replaces whether the store has something else of the session, and whether that is of another phone
 */
export function pushWords(
  dir: string,
  session: string,
  replaces: { readonly any: boolean; readonly otherPhone: boolean },
  store: NamedStore,
): string {
  const options = [...(replaces.any ? ["--replace"] : []), ...(replaces.otherPhone ? ["--other-phone"] : [])];
  return commandWords(["push", dir, session, ...options], store);
}

/** A call of the command, as a person copies it into a shell. */
export function commandWords(words: readonly string[], { store, platform = process.platform }: NamedStore): string {
  const all = ["wa-vault", ...words, ...(store === undefined ? [] : ["--store", store])];
  return all.map((word) => quoted(word, platform)).join(" ");
}
