/** A file of a storage that a session of WhatsApp Web has, and the folder which should be `Default`. */
const STORAGE =
  /^((?:[^/]+\/)*?)(?:Local Storage\/leveldb\/[^/]+|LocalStorage|IndexedDB\/https_web\.whatsapp\.com_0(?:\.indexeddb\.(?:leveldb|blob))?\/[^/].*)$/;
const DEFAULT = "Default/";
/** Storage that is not the profile's own: of an extension, and what Chromium keeps when an older release opens it. */
const NOT_OWN = /(?:^|\/)(?:Storage\/ext|Snapshots)\//;

/** Where the profile lies in an archive, and how its names become those of a profile. */
export interface ProfilePlace {
  /** The folder that the profile is in, with `/` at its end; empty for the top of the archive. */
  readonly folder: string;
  /** What its names lack: `Default/` where the archive has what is in `Default`, else nothing. */
  readonly prefix: string;
}

/**
 * The places in an archive that hold storage of WhatsApp Web. People zip a profile, its `Default`, what is in `Default`, or
 * folders above them: where there is one such place, nothing need be guessed. A place within another one does not count.
 * @param files names of the files, `/` between folders
 */
export function profilePlaces(files: Iterable<string>): ProfilePlace[] {
  const places = new Map<string, ProfilePlace>();
  for (const path of files) {
    const above = STORAGE.exec(path)?.[1];
    if (above === undefined || NOT_OWN.test(above)) continue;
    const isDefault = above === DEFAULT || above.endsWith(`/${DEFAULT}`);
    const folder = isDefault ? above.slice(0, -DEFAULT.length) : above;
    // `Default/Local Storage` beside `Local Storage`: the first one is where Chromium looks.
    if (isDefault || !places.has(folder)) places.set(folder, { folder, prefix: isDefault ? "" : DEFAULT });
  }
  const folders = [...places.keys()];
  return [...places.values()].filter(
    ({ folder }) => !folders.some((other) => other !== folder && folder.startsWith(other)),
  );
}

/** The name in a profile; `undefined` for what lies beside the profile, and for the folder of the profile itself. */
export function pathAt({ folder, prefix }: ProfilePlace, path: string): string | undefined {
  if (!path.startsWith(folder) || path === folder) return undefined;
  return prefix + path.slice(folder.length);
}
