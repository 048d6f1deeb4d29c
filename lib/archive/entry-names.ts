import { type Entry, getFileNameLowLevel, parseExtraFields } from "yauzl";
import { isSystemName } from "../disk/foreign-names.ts";

const UTF8_NAME = 0x0800;
const REPLACEMENT = "\ufffd";
/** What Chromium puts into its directory for as long as it runs, and makes as links on Linux and macOS. */
const OF_A_RUN = /(?:^|\/)(?:Singleton(?:Lock|Cookie|Socket)|RunningChromeVersion)$/;

/**
 * The name of an entry. Programs do not agree on the encoding: where an entry does not say that its name is UTF-8, the name
 * is UTF-8 all the same if it can be (macOS, Linux), else what Info-ZIP says beside it, else code page 437, in which any
 * bytes have a meaning. All names of WhatsApp Web's storage are ASCII.
 */
export function nameOf({ fileNameRaw, extraFieldRaw, generalPurposeBitFlag }: Entry): string {
  const name = fileNameRaw.toString("utf8");
  if (!name.includes(REPLACEMENT) || generalPurposeBitFlag & UTF8_NAME) return name;
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, parseExtraFields(extraFieldRaw), true);
}

/**
 * What stands between the folders in the names of an archive. Windows PowerShell 5.1 (`Compress-Archive`) and the .NET
 * Framework before 4.6.1 write `\`, which the format does not allow.
 * @returns a name with a backslash where other names have `/`: nobody can tell what such a name means
 */
export function separatorOf<T extends { readonly path: string }>(entries: readonly T[]): "/" | "\\" | T {
  const withBackslash = entries.find(({ path }) => path.includes("\\"));
  if (withBackslash === undefined) return "/";
  return entries.some(({ path }) => path.includes("/")) ? withBackslash : "\\";
}

/** The name with `/` between its folders, and without the `./` that some programs begin names with. */
export function plainName(name: string, separator: "/" | "\\"): string {
  const path = separator === "/" ? name : name.replaceAll("\\", "/");
  return path.replace(/^(?:\.\/)+/, "");
}

/**
 * Whether the file is nobody's data: macOS or another system has put it beside the files, such as `__MACOSX/…` and
 * `.DS_Store`, or it tells that a browser runs.
 */
export function isLeftOut(path: string): boolean {
  return OF_A_RUN.test(path) || path.split("/").some(isSystemName);
}
