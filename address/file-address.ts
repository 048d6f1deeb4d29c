import { homedir } from "node:os";
import { join, parse, resolve } from "node:path";
import { VaultError } from "../lib/errors.ts";
import { decoded, Parameters } from "./parameters.ts";
import type { Address } from "./parse-address.ts";

const HINT = "Write `file:./sessions`, `file:~/sessions`, or with the whole path `file:/var/lib/sessions`.";
/** How a path of Windows begins, with a drive or on another machine. */
const DRIVE = /^\/?[a-z]:(?=[\\/]|$)/i;

/**
 * The address of a directory: `file:` and a path that may be relative, or begin with `~/`, or the whole one behind `//` as
 * in any URL. It is percent-encoded where it has a `%`, `?` or `#`; blanks may stand as they are.
 * @throws `INVALID` when it names no directory of this machine
 */
export function fileAddress(text: string, platform: NodeJS.Platform = process.platform): Address {
  const [, written = ""] = /^file:(.*)$/is.exec(text) ?? [];
  const [base = "", query] = written.split(/\?(.*)/s);
  if (written.includes("#") || query !== undefined) {
    // What stands behind may be a password.
    const begin = text.replace(/[?#].*$/s, "");
    throw refused(
      begin,
      "has a `?` or a `#`",
      "It takes no parameters. In a path write `?` as `%3F` and `#` as `%23`.",
    );
  }
  const path = pathOf(
    text,
    decoded(base.startsWith("//") ? behindHost(text, base, platform) : base, "path", "file"),
    platform,
  );
  if (path.includes("\0")) throw refused(text, "names no directory", HINT);
  if (resolve(path) === parse(resolve(path)).root) throw refused(text, "names the root of the disk", HINT);
  return {
    scheme: "file",
    name: "file",
    user: "",
    password: "",
    host: "",
    path,
    parameters: new Parameters(""),
    shown: text,
  };
}

/** The path behind `//` and a host that is this machine. */
function behindHost(text: string, base: string, platform: NodeJS.Platform): string {
  const [, host = "", path = ""] = /^\/\/([^/\\]*)(.*)$/s.exec(base) ?? [];
  if (/^[a-z]:$/i.test(host)) return `${host}${path}`;
  if (host !== "" && host.toLowerCase() !== "localhost") {
    const hint =
      /^[.~]/.test(host) || path === "" ? HINT : `Between the second and the third slash stands a host. ${HINT}`;
    throw refused(text, "names a directory of another machine", hint);
  }
  return platform === "win32" ? path.replace(DRIVE, (drive) => drive.replace("/", "")) : path;
}

function pathOf(text: string, path: string, platform: NodeJS.Platform): string {
  if (path.trim() === "") throw refused(text, "names no directory", HINT);
  if (platform !== "win32" && (DRIVE.test(path) || path.includes("\\"))) {
    throw refused(text, "has a path of Windows", `This machine has none. ${HINT}`);
  }
  if (!path.startsWith("~")) return path;
  if (/^~(?=[/\\]|$)/.test(path)) return join(homedir(), path.slice(1));
  throw refused(
    text,
    "names the home of another user",
    "Write the whole path. A name that begins with `~` is written `file:./~name`.",
  );
}

function refused(text: string, why: string, hint: string): VaultError {
  return new VaultError("INVALID", `${text.slice(0, 200)} ${why}.`, { hint });
}
