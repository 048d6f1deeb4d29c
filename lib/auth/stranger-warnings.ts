/** What each listener was told: a person needs to read once of a file that lies there for good. */
const told = new WeakMap<(message: string) => void, Set<string>>();

/**
 * Warns once of each file or folder that lies beside the storage of a profile and is no part of it.
 * @param onWarning the listener of one strategy
 * @param subject the session or the profile
 * @param strangers paths, relative to the profile
 */
export function warnOfStrangers(
  onWarning: (message: string) => void,
  subject: string,
  strangers: readonly string[],
): void {
  const known = told.get(onWarning) ?? new Set();
  told.set(onWarning, known);
  const fresh = strangers.filter((path) => !known.has(path));
  if (fresh.length === 0) return;
  for (const path of fresh) known.add(path);
  const named = fresh.slice(0, 3).join(", ");
  const more = fresh.length > 3 ? ` and ${fresh.length - 3} more` : "";
  onWarning(`The profile of ${subject} holds ${named}${more}, which no browser has made: left out of every save.`);
}
