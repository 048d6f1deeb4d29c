/**
 * The call that stores a profile, as a person copies it into a shell.
 * @param store the address that the command was given; without one it was in the environment, perhaps with a password, and is
 *   there for the next call too
 */
export function pushWords(
  dir: string,
  session: string,
  store: string | undefined,
  platform: NodeJS.Platform = process.platform,
): string {
  const words = ["wa-vault", "push", dir, session, ...(store === undefined ? [] : ["--store", store])];
  return words.map((word) => shellWord(word, platform)).join(" ");
}

function shellWord(word: string, platform: NodeJS.Platform): string {
  if (platform === "win32") return /^[-\w.,:\\/=@+]+$/.test(word) ? word : `"${word}"`;
  // A `?` or `&` of an address is a sign of the shell.
  return /^[-\w.,:/=@+]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
