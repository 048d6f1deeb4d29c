// `lib/baileys/multi-file` reads and writes directories as `useMultiFileAuthState` of Baileys makes them: `creds.json`, and a
// file `<type>-<id>.json` for each record.
import { FAMILIES, type Family } from "../families.ts";

/** The file of the credentials. */
export const CREDS_FILE = "creds.json";
const EXTENSION = ".json";

/** What the name of a file tells of an id. */
interface Naming {
  /** The part between the family and `.json`. Copies that people or programs make, e.g. `1 (1)`, do not match. */
  readonly pattern: RegExp;
  /** The id again: names have `__` for `/`, and `-` for `:`. */
  readonly idOf?: (part: string) => string;
}

const ADDRESS = /^[^\s()]+\.\d+$/;
const WORD = /^[^\s()]+$/;

const NAMINGS: Readonly<Record<Family, Naming>> = {
  "lid-mapping": { pattern: WORD },
  "device-list": { pattern: WORD },
  "identity-key": { pattern: ADDRESS },
  "pre-key": { pattern: /^\d+$/ },
  // Base64, which has no underscore.
  "app-state-sync-key": { pattern: /^(?:[A-Za-z0-9+]|__)+={0,2}$/, idOf: (part) => part.replaceAll("__", "/") },
  "app-state-sync-version": { pattern: /^\w+$/ },
  // With the id `__index`, among JIDs.
  tctoken: { pattern: WORD },
  // A group, whose name has single hyphens, a user and a device.
  "sender-key": { pattern: /^[^\s()]+--[^\s()-]+--\d+$/, idOf: (part) => part.replaceAll("--", "::") },
  "sender-key-memory": { pattern: /^[^\s()]+@[^\s()]+$/ },
  session: { pattern: ADDRESS },
};

/** The longest first: `sender-key-` also begins the names of `sender-key-memory`. */
const BY_LENGTH = [...FAMILIES].sort((one, other) => other.length - one.length);

/** The name that Baileys gives to the file of a record. */
export function fileNameOf(type: string, id: string): string {
  return `${type}-${id}${EXTENSION}`.replaceAll("/", "__").replaceAll(":", "-");
}

/** The record whose file has this name; `undefined` when it is no file of a record, or of a family that is not known. */
export function parseFileName(name: string): { type: Family; id: string } | undefined {
  if (!name.endsWith(EXTENSION)) return undefined;
  const type = BY_LENGTH.find((family) => name.startsWith(`${family}-`));
  if (type === undefined) return undefined;
  const { pattern, idOf = (part) => part } = NAMINGS[type];
  const part = name.slice(type.length + 1, -EXTENSION.length);
  return pattern.test(part) ? { type, id: idOf(part) } : undefined;
}
