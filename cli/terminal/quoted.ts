/**
 * A word of a call that a person copies into a shell: an address, a path, a name. In quotes unless it has letters only that no
 * shell takes for signs: zsh refuses a `?` that stands for nothing, and a `&` ends the call in every shell.
 * @param platform whose shell. @default this process's
 */
export function quoted(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === "win32") return /^[-\w.,:\\/=@+]+$/.test(word) ? word : `"${word}"`;
  // zsh takes a `=` at the beginning for the path of a program.
  return /^(?!=)[-\w.,:/=@+]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
