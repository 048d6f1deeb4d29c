import { posix } from "node:path";
import { kindOfName } from "../disk/foreign-names.ts";

/** What each listener was told: a person needs to read once of a file that lies there for good. */
const told = new WeakMap<(message: string) => void, Set<string>>();
/** So many kinds are told to one listener: names that differ in a way nobody has thought of must not fill the memory. */
const MAX_TOLD = 1000;

/**
 * Warns of the files and folders that lie beside the storage of a profile and are no part of it: once for each folder and
 * kind of name, such as `000003.log.bak` and `000005.log.bak`.
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
  const kindOf = (path: string): string => `${subject}\n${posix.dirname(path)}\n${kindOfName(posix.basename(path))}`;
  const fresh = strangers.filter((path) => !known.has(kindOf(path)));
  if (fresh.length === 0 || known.size >= MAX_TOLD) return;
  for (const path of fresh) known.add(kindOf(path));
  const named = fresh.slice(0, 3).join(", ");
  const more = fresh.length > 3 ? ` and ${fresh.length - 3} more` : "";
  onWarning(
    `The profile of ${subject} holds ${named}${more}, which is no part of its storage: left out of every save.`,
  );
}
