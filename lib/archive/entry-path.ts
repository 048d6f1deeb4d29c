import { VaultError } from "../errors.ts";

/** No disk takes longer names, and no profile is deeper or holds more: what goes beyond is there to exhaust us. */
const maxSegmentBytes = 255;
const maxPathBytes = 4096;
const maxDepth = 64;
const maxCharacters = 64 * 1024 * 1024;

/**
 * Sees to it that no two names of an archive can meet on any disk, one that ignores case or composes accents included,
 * and that none of them leads out of the directory it is unpacked in.
 */
export class EntryPaths {
  /** By folded name. */
  readonly #taken = new Map<string, Taken>();
  /** Of all names that are taken. */
  #characters = 0;

  /** @throws `INVALID` for a name that is unsafe, or that another entry has or spells differently. */
  add(path: string): void {
    checkEntryPath(path);
    const directory = path.endsWith("/");
    const segments = (directory ? path.slice(0, -1) : path).split("/");
    const parents: Taken[] = [];
    for (let count = segments.length - 1; count > 0; count--) {
      const parent = segments.slice(0, count).join("/");
      // Those above it were taken when it was.
      const known = this.#taken.get(fold(parent));
      if (known?.path === parent && known.directory) break;
      parents.push({ path: parent, directory: true, listed: false });
    }
    for (const parent of parents.reverse()) this.#take(parent);
    this.#take({ path: segments.join("/"), directory, listed: true });
  }

  #take(name: Taken): void {
    const folded = fold(name.path);
    const other = this.#taken.get(folded);
    const shared = other?.path === name.path && other.directory && name.directory && !(other.listed && name.listed);
    if (other !== undefined && !shared) {
      throw new VaultError("INVALID", `two entries have the same name: ${quote(other.path)} and ${quote(name.path)}`);
    }
    if (other === undefined) this.#characters += name.path.length;
    if (this.#characters > maxCharacters) throw new VaultError("INVALID", "the names of the entries are too many");
    this.#taken.set(folded, { ...name, listed: name.listed || other?.listed === true });
  }
}

function fold(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

interface Taken {
  /** As it was spelled, without a slash at its end. */
  readonly path: string;
  readonly directory: boolean;
  /** It is an entry itself, not only on the way to one. */
  readonly listed: boolean;
}

/** @throws `INVALID` for a path that is not plain segments with `/` between them. */
export function checkEntryPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) throw new VaultError("INVALID", `the entry name ${quote(path)} ${problem}`);
}

function pathProblem(path: string): string | undefined {
  if (path === "" || path === "/") return "is empty";
  if (Buffer.byteLength(path) > maxPathBytes) return "is too long";
  if (path.includes("\\")) return "holds a backslash";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is absolute";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f\ufffd]/.test(path)) return "holds a control character or is not UTF-8";
  if (process.platform === "win32" && /[<>:"|?*]|[. ](\/|$)/.test(path)) return "cannot be a name on Windows";
  const segments = (path.endsWith("/") ? path.slice(0, -1) : path).split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return "leads out of its directory";
  }
  if (segments.length > maxDepth) return "is too deep";
  if (segments.some((segment) => Buffer.byteLength(segment) > maxSegmentBytes)) return "is too long";
  return undefined;
}

function quote(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
