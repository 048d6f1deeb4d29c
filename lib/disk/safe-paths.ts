const MAX_SEGMENT = 255;
const MAX_PATH = 4096;
/** Names that Windows keeps for devices, whatever their extension. */
const DEVICES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
/** Control characters, and what Windows gives a meaning of its own: a separator, streams and wildcards. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not occur
const FORBIDDEN = /[\u0000-\u001f\u007f<>:"\\|?*]/;

/**
 * Why `paths` cannot be files of one profile, or `undefined` when they can: each a relative path that stays inside, no
 * two of them the same file on any disk, none a directory of another.
 */
export function pathProblem(paths: Iterable<string>): string | undefined {
  const files = new Set<string>();
  const directories = new Set<string>();
  for (const path of paths) {
    const segments = path.split("/");
    if (path.length > MAX_PATH || segments.some((segment) => !isSegment(segment)))
      return `${quote(path)} is no safe path`;
    // A disk that ignores case also ignores how accents are composed.
    const folded = segments.map((segment) => segment.normalize("NFC").toLowerCase().toUpperCase());
    const file = folded.join("/");
    if (files.has(file)) return `${quote(path)} occurs twice`;
    files.add(file);
    for (let depth = 1; depth < folded.length; depth++) directories.add(folded.slice(0, depth).join("/"));
  }
  for (const file of files) if (directories.has(file)) return `${quote(file)} is a file and a directory`;
  return undefined;
}

function isSegment(segment: string): boolean {
  return (
    segment !== "" &&
    Buffer.byteLength(segment) <= MAX_SEGMENT &&
    !FORBIDDEN.test(segment) &&
    !/[. ]$/.test(segment) &&
    !DEVICES.test(segment)
  );
}

function quote(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}
