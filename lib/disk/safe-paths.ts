/** No disk takes longer names, and no profile is deeper or has more of them: a hostile archive may. */
const MAX_SEGMENT_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 64;
const MAX_CHARACTERS = 64 * 1024 * 1024;
/** Names that Windows keeps for devices, whatever their extension. */
const DEVICES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
/** U+FFFD is what bytes that are not UTF-8 are decoded to. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not occur
const CONTROL = /[\u0000-\u001f\u007f\ufffd]/;

/**
 * Why `paths` cannot be the files of one profile, or `undefined` when they can: each a relative path that stays inside,
 * no two of them the same file on any disk, none a directory of another.
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
  /** Whether it was added itself, and is not only a parent of another one. */
  readonly isListed: boolean;
}

/** The names of one profile. No two of them can meet on any disk, also one that ignores case or composes accents. */
export class SafePaths {
  readonly #byFolded = new Map<string, Name>();
  #characters = 0;

  /**
   * Adds a file, or a directory, and the directories above it.
   * @param path `/` between segments and none at the end
   * @returns why it cannot be a name of a profile beside those that were added before; `undefined` when it can
   */
  add(path: string, isDirectory = false): string | undefined {
    const problem = problemOf(path);
    if (problem !== undefined) return `${quote(path)} ${problem}`;
    const parents: string[] = [];
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      const known = this.#byFolded.get(fold(parent));
      // Those above it were added when it was.
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

/** Disks that ignore case also ignore how accents are composed. */
function fold(path: string): string {
  return path.normalize("NFC").toLowerCase().toUpperCase();
}

function quote(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
