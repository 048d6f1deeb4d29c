import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VaultError } from "../lib/errors.ts";

/** What may be named in an address. */
export type Scheme = "file" | "s3" | "mongodb" | "redis" | "postgres";

/** The address of a store, in parts. */
export interface Address {
  readonly scheme: Scheme;
  /** As it was given, without blanks around it. */
  readonly text: string;
  /** User and password as they were given, percent-encoded; "" without. */
  readonly user: string;
  /** Host and port, several of them, or the name of a bucket; "" without. */
  readonly host: string;
  /** Of `file:` the path of the directory; else what stands between the host and the parameters. */
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** Without what is secret in it, for people. */
  readonly shown: string;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["s3", "s3"],
  ["mongodb", "mongodb"],
  ["mongodb+srv", "mongodb"],
  ["redis", "redis"],
  ["rediss", "redis"],
  ["postgres", "postgres"],
  ["postgresql", "postgres"],
]);
const FORMS = "`file:./sessions`, `s3://bucket/folder`, `mongodb://…`, `redis://…`, `rediss://…` and `postgres://…`";
/** Names of parameters whose values nobody may see. */
const SECRET = /pass|secret|token|key|cert/i;

/**
 * Takes an address apart: by hand, because `URL` takes neither the several hosts of MongoDB nor a path of its own.
 * @throws `INVALID` when it is none; the message has nothing of it that could be secret
 */
export function parseAddress(given: string): Address {
  const text = given.trim();
  const name = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase() ?? "";
  if (name === "file") return fileAddress(text);
  const scheme = SCHEMES.get(name);
  if (scheme === undefined) throw noAddress(text, name);
  const [, authority, path = "", query = ""] = /^[^:]+:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(text) ?? [];
  // Behind the host there is no `@`, except in a password that has a `/`, `?` or `#`.
  if (authority === undefined || `${path}${query}`.includes("@")) {
    const hint = text.includes("@")
      ? "In a user and a password write `/` as `%2F`, `?` as `%3F`, `#` as `%23`, `@` as `%40` and `:` as `%3A`."
      : `Write \`${name}://…\`, without a \`#\`.`;
    throw new VaultError("INVALID", `The address of the store (\`${name}:\`) cannot be read.`, { hint });
  }
  const at = authority.lastIndexOf("@");
  const [user, host] = [authority.slice(0, Math.max(at, 0)), authority.slice(at + 1)];
  if (host === "")
    throw new VaultError(
      "INVALID",
      `The address of the store (\`${name}:\`) has no ${scheme === "s3" ? "bucket" : "host"}.`,
    );
  const parameters = new URLSearchParams(query);
  const shown = `${name}://${shownUser(user)}${host}${path}${shownParameters(parameters)}`;
  return { scheme, text, user, host, path, parameters, shown };
}

/** Whether it has what must not stand in the history of a shell, or in a list of processes. */
export function hasSecret({ user, parameters }: Address): boolean {
  return user.includes(":") || [...parameters.keys()].some((name) => SECRET.test(name));
}

/** The address as text, without the parameters that are ours. */
export function withoutParameters({ text, parameters }: Address, ours: readonly string[]): string {
  const others = new URLSearchParams([...parameters].filter(([name]) => !ours.includes(name)));
  const [base = ""] = text.split("?");
  return others.size === 0 ? base : `${base}?${others}`;
}

/** @throws `INVALID` when the address has a parameter that is none of these */
export function refuseParameters({ shown, parameters }: Address, known: readonly string[]): void {
  const other = [...parameters.keys()].find((name) => !known.includes(name));
  if (other === undefined) return;
  const hint = known.length === 0 ? "It takes none." : `It takes ${known.map((name) => `\`${name}\``).join(", ")}.`;
  throw new VaultError("INVALID", `${shown} has a parameter that is not known: \`${other.slice(0, 40)}\`.`, { hint });
}

/** A path may be relative, begin with `~/`, or be that of a URL. */
function fileAddress(text: string): Address {
  const made = { scheme: "file", text, user: "", host: "", parameters: new URLSearchParams(), shown: text } as const;
  const path = text.slice("file:".length);
  if (path.startsWith("//")) {
    try {
      return { ...made, path: fileURLToPath(text) };
    } catch (cause) {
      const hint = "Write `file:./sessions`, or with three slashes `file:///var/lib/sessions`.";
      throw new VaultError("INVALID", `${text} names no directory of this machine.`, { cause, hint });
    }
  }
  if (path === "")
    throw new VaultError("INVALID", "The address `file:` names no directory.", { hint: "Write `file:./sessions`." });
  return { ...made, path: /^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path };
}

function noAddress(text: string, name: string): VaultError {
  if (/^(?:[./~\\]|[a-z]:[\\/]|[\w-]+$)/i.test(text)) {
    return new VaultError("INVALID", "The address of the store has no scheme.", {
      hint: `A directory is written as \`file:${text}\`.`,
    });
  }
  const what = name === "" ? "has no scheme" : `has the scheme \`${name.slice(0, 20)}\`, which is not known`;
  return new VaultError("INVALID", `The address of the store ${what}.`, { hint: `Addresses are ${FORMS}.` });
}

function shownUser(user: string): string {
  if (user === "") return "";
  const [name] = user.split(":");
  return user.includes(":") ? `${name}:***@` : `${name}@`;
}

function shownParameters(parameters: URLSearchParams): string {
  const shown = [...parameters].map(([name, value]) => `${name}=${SECRET.test(name) ? "***" : value}`);
  return shown.length === 0 ? "" : `?${shown.join("&")}`;
}
