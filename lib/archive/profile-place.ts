/** Storage of a session of WhatsApp Web, in any form, by names below a folder `Default`. */
const STORAGE = {
  indexedDb: /^IndexedDB\/https_web\.whatsapp\.com_0/,
  localStorage: /^(?:Local Storage\/[^/]+\/|LocalStorage[^/]*$)/,
} as const;
/** The same anywhere, with the folders above it. */
const STORAGE_BELOW =
  /^((?:[^/]+\/)*?)(?:IndexedDB\/https_web\.whatsapp\.com_0|Local Storage\/[^/]+\/|LocalStorage[^/]*$)/;
const DEFAULT = "Default/";
/** Folders beside `Default` that are profiles of the same browser, which is never told to open them. */
const OTHER_PROFILE = /^(?:Guest Profile|System Profile|Profile \d+)$/;
/** Folders with storage that is not the profile's own: of extensions, and what an older release of Chromium has left. */
const NOT_OWN = /(?:^|\/)(?:Guest Profile|System Profile|Profile \d+|Extensions|Storage|Snapshots)\//;
/** Files and folders that Chromium makes in a profile, and in its `Default`. */
const OF_PROFILE = /^(?:Last (?:Version|Browser)|Local State|First Run|Variations|DevToolsActivePort)$/;
const OF_DEFAULT =
  /^(?:(?:Secure )?Preferences|Local ?Storage.*|IndexedDB|Session.*|History|Cookies|Network|Web ?(?:Data|Storage)|(?:Code |GPU)?Cache|Service Worker|Storage)$/;

/** Where the profile lies in an archive, and how its names become those of a profile. */
export interface ProfilePlace {
  /** The folder that the profile is in, with `/` at its end; empty for the top of the archive. */
  readonly folder: string;
  /** What its names lack: `Default/` where the archive has what is in `Default`, else nothing. */
  readonly prefix: string;
}

/**
 * Finds the profile in an archive. People zip a profile, its `Default`, what is in `Default`, or folders above them. The
 * outermost of these is the profile, whatever it holds: a profile below it may be an older copy. To look deeper is safe only
 * where there is one folder to look into, beside files that are no browser's at most.
 * @param files names of the files, `/` between folders, without those that are nobody's data
 * @returns `undefined` where there is nothing that could be taken for a profile; the folders that could be, where nobody can
 *   tell
 */
export function findProfile(files: readonly string[]): ProfilePlace | undefined | readonly string[] {
  let folder = "";
  let below = files;
  for (;;) {
    const folders = new Set(below.filter((path) => path.includes("/")).map((path) => path.split("/")[0] as string));
    const loose = below.filter((path) => !path.includes("/"));
    const inside = within(below, DEFAULT);
    const isDefault = folders.has("Default") && !(folders.size + loose.length === 1 && isCalledDefault(inside));
    // What is in `Default`, beside a `Default` that lacks it: one of the two is not whole.
    if (isDefault && kindsIn(below).some((kind) => !kindsIn(inside).includes(kind))) return [folder, folder + DEFAULT];
    if (isDefault) return { folder, prefix: "" };
    const deeper = profilesBelow(below);
    // A folder of a storage belongs to what is in `Default`; a single file of that name tells less.
    const isInside = kindsIn(below.filter((path) => path.includes("/"))).length > 0;
    if (isInside || (kindsIn(loose).length > 0 && deeper.every((one) => one === "")))
      return { folder, prefix: DEFAULT };
    const isOfBrowser = loose.some((name) => OF_PROFILE.test(name) || OF_DEFAULT.test(name));
    const [only] = folders;
    if (only === undefined || folders.size > 1 || isOfBrowser) {
      return deeper.length > 0 ? deeper.map((one) => folder + one) : undefined;
    }
    const next = within(below, `${only}/`);
    if (NOT_OWN.test(`${only}/`) && !(OTHER_PROFILE.test(only) && within(next, DEFAULT).length > 0)) return undefined;
    folder += `${only}/`;
    below = next;
  }
}

/** The name in a profile; `undefined` for what lies beside the profile, and for the folder of the profile itself. */
export function pathAt({ folder, prefix }: ProfilePlace, path: string): string | undefined {
  if (!path.startsWith(folder) || path === folder) return undefined;
  return prefix + path.slice(folder.length);
}

/** Names below a folder, as they are in it. */
function within(paths: readonly string[], folder: string): string[] {
  return paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length));
}

/** Whether a folder `Default` with these files is no `Default` of Chromium, but a profile of that name. */
function isCalledDefault(inside: readonly string[]): boolean {
  return (
    inside.some((path) => path.startsWith(DEFAULT)) && !inside.some((path) => OF_DEFAULT.test(path.split("/")[0] ?? ""))
  );
}

/** The storages that files of a folder `Default` belong to. */
function kindsIn(paths: readonly string[]): (keyof typeof STORAGE)[] {
  const kinds = Object.keys(STORAGE) as (keyof typeof STORAGE)[];
  return kinds.filter((kind) => paths.some((path) => STORAGE[kind].test(path)));
}

/** The folders that would be the profile if one of the storages below counted; empty for a storage right here. */
function profilesBelow(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const above = STORAGE_BELOW.exec(path)?.[1];
    if (above === undefined || NOT_OWN.test(above)) continue;
    const isDefault = above === DEFAULT || above.endsWith(`/${DEFAULT}`);
    found.add(isDefault ? above.slice(0, -DEFAULT.length) : above);
  }
  return [...found].sort();
}
