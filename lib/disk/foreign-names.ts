/** Names that operating systems, file servers and programs that synchronise give to their own, in any folder. */
const SYSTEM_NAMES = new RegExp(
  `^(?:${[
    // macOS
    "__MACOSX|\\.DS_Store|\\._.*|\\.AppleDouble|\\.Spotlight-V100|\\.Trashes|\\.fseventsd|\\.TemporaryItems|Icon\\r",
    "Network Trash Folder|Temporary Items",
    // Windows
    "(?:eh)?thumbs\\.db|desktop\\.ini|\\$RECYCLE\\.BIN|recycle[rd]|System Volume Information",
    // Linux
    "lost\\+found|\\.directory|\\.Trash(?:-\\d+)?",
    // Synology, QNAP, Syncthing
    "@eaDir|@tmp|@Recycle|@Recently-Snapshot|#recycle|#snapshot|\\.st(?:folder|versions|ignore)",
  ].join("|")})$`,
  "i",
);

/** What programs leave in the folder that they happen to run in. */
const DROPPED_NAMES = /^(?:core(?:\.\d+)?|nohup\.out|cachedir\.tag)$/i;

/** Words for a thing that is no longer, or not yet, the thing itself. */
const COPY_WORDS =
  "bak|bkp|back-?ups?|copy|kopie|copie|copia|c\u00f3pia|old|orig(?:inal)?|prev(?:ious)?|saved?|tmp|temp|trash|deleted|removed|" +
  "disabled|broken|damaged|corrupt(?:ed)?|conflict(?:ed)?";
/** Endings of archives, of transfers that are not done, and of notes. */
const OTHER_ENDINGS =
  "zip|t?gz|tar|7z|rar|bz2|xz|zst|part(?:ial)?|crdownload|sw[op]|lo?ck|txt|md|md5|sha1|sha256|ini|lnk|url|rej|dump";
const DAY =
  "(?:19|20)\\d\\d(?:-(?:0[1-9]|1[0-2])-|_(?:0[1-9]|1[0-2])_|\\.(?:0[1-9]|1[0-2])\\.)(?:0[1-9]|[12]\\d|3[01])";
const DAY_IN_DIGITS = "(?:19|20)\\d\\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])";
const TIME = "(?:(?: at |[T ._-])[\\d.:_hms-]*\\dZ?)?";
const COPY_ENDING = new RegExp(
  `(?:${[
    `(?:^|[ ._\u2013-])(?:${COPY_WORDS})\\d*`,
    `\\.(?:${OTHER_ENDINGS})`,
    `(?:^|[ ._-])${DAY}${TIME}`,
    `[ ._-]${DAY_IN_DIGITS}${TIME}`,
    // `leveldb (1)`, `leveldb (another copy)`; before the ending of a file, too: `0.indexeddb copy.leveldb`
    "\\([^()]*\\)(?:\\.[a-z]+)?",
    " (?:copy|kopie|copie|copia|c\u00f3pia)(?: \\d+)?(?:\\.[a-z]+)?",
    // Editors and `cp --backup`: `leveldb~`, `leveldb.~1~`
    "~\\d*~?",
  ].join("|")})(?:[ ._-]\\d+)*(?:-wal|-shm|-journal)?$`,
  "iu",
);
/** Copies that begin with what they are: `Copy of leveldb`, `Kopie (2) von leveldb`. */
const COPY_BEGINNING = /^(?:copy|kopie|copie|copia|c\u00f3pia)(?: \(\d+\))? (?:of|von|de) /iu;
/** A conflict of Syncthing, Dropbox or Nextcloud has the ending of the file behind its own. */
const CONFLICT = /\.sync-conflict-\d|conflicted copy/i;

/** Whether an operating system, a file server or a program that synchronises gives this name to what is its own. */
export function isSystemName(name: string): boolean {
  return SYSTEM_NAMES.test(name);
}

/**
 * Whether a file or folder of this name is provably no data of the program whose folder it lies in: one of the system,
 * one whose name begins with `.`, `@`, `#`, `$` or `~`, or a copy, an archive or a note, which people and programs name
 * in a few ways. Any other name may be the program's: a number behind a dot or an underline may be a version.
 */
export function isForeignName(name: string): boolean {
  return isSystemName(name) || /^[.@#$~]/.test(name) || DROPPED_NAMES.test(name) || isCopyName(name);
}

/** Whether the name is that of a copy, an archive or a note; see {@link isForeignName}. */
export function isCopyName(name: string): boolean {
  if (isSystemName(name)) return false;
  return COPY_ENDING.test(name) || COPY_BEGINNING.test(name) || CONFLICT.test(name);
}

/**
 * Whether the file is one that a file system keeps for as long as somebody has a deleted file open: NFS, FUSE, SMB, AFS.
 * Such a name is never seen twice.
 */
export function isSillyName(name: string): boolean {
  return /^\.(?:nfs[0-9a-f]{4}|fuse_hidden[0-9a-f]|smb[0-9a-z]|__afs)/i.test(name);
}

/** The name without what differs between files of one kind: numbers, dates and the random part of a conflict. */
export function kindOfName(name: string): string {
  return name.replace(/(sync-conflict-).*/i, "$1").replace(/[0-9a-f]*\d[0-9a-f]*/gi, "0");
}
