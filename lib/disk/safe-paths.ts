/** Limits of disks for names, and more than any profile has: hostile archives may exceed them. */
const MAX_SEGMENT_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 64;
const MAX_CHARACTERS = 64 * 1024 * 1024;
/** Names that Windows reserves for devices, with any extension. */
const DEVICES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
/** Control characters, and U+FFFD, to which bytes that are not UTF-8 are decoded. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this finds names with such characters
const CONTROL = /[\u0000-\u001f\u007f\ufffd]/;

/**
 * The reason why `paths` cannot be the files of one profile, as a clause; `undefined` when each is a relative path that
 * stays inside the profile, no two are the same file on any disk, and none is a directory of another.
 */
export function pathProblem(paths: Iterable<string>): string | undefined {
  const names = new SafePaths();
  for (const path of paths) {
    const problem = names.add(path);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

interface Name {
  readonly path: string;
  readonly isDirectory: boolean;
  /** Whether the name itself was added, not only a name below it. */
  readonly isListed: boolean;
}

/** The names of one profile: no two are the same name on any disk, also if it ignores case or the form of accents. */
export class SafePaths {
  readonly #byFolded = new Map<string, Name>();
  #characters = 0;

  /**
   * Adds a file, or a directory, and the directories above it.
   * @param path `/` between segments and none at the end
   * @returns the reason why `path` cannot be a name of the profile beside the names so far; `undefined` when it can
   */
  add(path: string, isDirectory = false): string | undefined {
    const problem = problemOf(path);
    if (problem !== undefined) return `${quote(path)} ${problem}`;
    const parents: string[] = [];
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      const known = this.#byFolded.get(fold(parent));
      // The directories above it were added together with it.
      if (known?.path === parent && known.isDirectory) break;
      parents.push(parent);
    }
    for (const parent of parents.reverse()) {
      const clash = this.#take({ path: parent, isDirectory: true, isListed: false });
      if (clash !== undefined) return clash;
    }
    return this.#take({ path, isDirectory, isListed: true });
  }

  #take(name: Name): string | undefined {
    const folded = fold(name.path);
    const other = this.#byFolded.get(folded);
    if (other === undefined) this.#characters += name.path.length;
    else if (other.isDirectory !== name.isDirectory) return `${quote(name.path)} is a file and a directory`;
    else if (other.path !== name.path) return `${quote(other.path)} and ${quote(name.path)} are the same name`;
    else if (!name.isDirectory || (other.isListed && name.isListed)) return `${quote(name.path)} occurs twice`;
    if (this.#characters > MAX_CHARACTERS) return "there are too many names";
    this.#byFolded.set(folded, { ...name, isListed: name.isListed || other?.isListed === true });
    return undefined;
  }
}

function problemOf(path: string): string | undefined {
  if (path === "") return "is empty";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return "is too long";
  if (path.includes("\\")) return "holds a backslash";
  if (path.startsWith("/") || /^[a-z]:/i.test(path)) return "is absolute";
  if (path.endsWith("/")) return "is the name of a directory";
  if (CONTROL.test(path)) return "holds a control character or is not UTF-8";
  const segments = path.split("/");
  if (segments.some((segment) => ["", ".", ".."].includes(segment))) return "leads out of its directory";
  if (segments.length > MAX_DEPTH) return "is too deep";
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) return "is too long";
  if (segments.some((segment) => /[<>:"|?*]|[. ]$/.test(segment) || DEVICES.test(segment))) {
    return "cannot be a name on Windows";
  }
  return undefined;
}

/** A name as disks compare it that ignore case: they also ignore whether accents are composed. */
function fold(path: string): string {
  return path.normalize("NFC").toLowerCase().toUpperCase();
}

function quote(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
