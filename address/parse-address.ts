import { invalidOption } from "../lib/errors.ts";
import { fileAddress } from "./file-address.ts";
import { decoded, Parameters } from "./parameters.ts";
import { cannotRead, noAddress, refuseShape, wrongAddress } from "./wrong-address.ts";

/** What may be named in an address. */
export type Scheme = "file" | "s3" | "mongodb" | "redis" | "postgres";

/** The address of a store, in parts. */
export interface Address {
  readonly scheme: Scheme;
  /** As it stands before the `:`, in small letters: `mongodb+srv`. */
  readonly name: string;
  /** "" without. */
  readonly user: string;
  /** Decoded; "" without. */
  readonly password: string;
  /** Host and port, several of them, or the name of a bucket; "" without. */
  readonly host: string;
  /** Of `file:` the path of the directory, decoded; else what stands between the host and the parameters, as it was given. */
  readonly path: string;
  readonly parameters: Parameters;
  /** Without what is secret in it, for people. */
  readonly shown: string;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["file", "file"],
  ["s3", "s3"],
  ["mongodb", "mongodb"],
  ["mongodb+srv", "mongodb"],
  ["redis", "redis"],
  ["rediss", "redis"],
  ["redis+sentinel", "redis"],
  ["rediss+sentinel", "redis"],
  ["redis+cluster", "redis"],
  ["rediss+cluster", "redis"],
  ["postgres", "postgres"],
  ["postgresql", "postgres"],
]);

/**
 * Takes an address apart: by hand, because `URL` takes neither the several hosts of MongoDB nor a path of its own. The byte
 * order mark, blanks and line breaks around it do not count: they come with files.
 * @throws `INVALID` when it is none; the message has nothing of it that could be secret
 */
export function parseAddress(given: string | URL): Address {
  if (typeof given !== "string" && !(given instanceof URL)) throw invalidOption("url", "an address as text", given);
  // `trim` takes a byte order mark for a blank, as the language does.
  const text = String(given).trim();
  refuseShape(text);
  const written = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase() ?? "";
  // Lettuce writes `redis-sentinel`, other libraries `redis+sentinel`.
  const name = written.replace(/^(rediss?)-/, "$1+");
  const scheme = SCHEMES.get(name);
  if (scheme === undefined) throw noAddress(text, written, [...SCHEMES.keys()]);
  return scheme === "file" ? fileAddress(text) : serverAddress(text, name, scheme);
}

/** Whether it has what must not stand in the history of a shell, or in a list of processes. */
export function hasSecret({ scheme, user, password, parameters }: Address): boolean {
  // A lone word before the `@` is mostly the password of a Redis, or half of a key.
  return password !== "" || parameters.hasSecret || (user !== "" && ["redis", "s3"].includes(scheme));
}

/** Texts of the address that nobody may see, as they may occur in the message of a library. */
export function secretsOf({ password, parameters }: Address): string[] {
  const secrets = [password, ...parameters.secrets].filter((one) => one !== "");
  return [...new Set(secrets.flatMap((one) => [one, encodeURIComponent(one), encodeURI(one)]))];
}

function serverAddress(text: string, name: string, scheme: Scheme): Address {
  const [, authority, path = "", query = ""] = /^[^:]+:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(text) ?? [];
  // Behind the host there is no `@`, except in a password that has a `/`, `?` or `#`.
  if (authority === undefined || `${path}${query}`.includes("@")) throw cannotRead(text, name, scheme);
  const at = authority.lastIndexOf("@");
  const [written, host] = [authority.slice(0, Math.max(at, 0)), authority.slice(at + 1)];
  const colon = written.indexOf(":");
  const [user, password] = colon < 0 ? [written, ""] : [written.slice(0, colon), written.slice(colon + 1)];
  const parameters = new Parameters(query);
  // PostgreSQL may have its host, or the directory of its socket, in a parameter.
  if (host === "" && !(scheme === "postgres" && parameters.has("host"))) {
    throw wrongAddress(name, scheme === "s3" ? "has no bucket" : "has no host", scheme);
  }
  const who = colon < 0 ? shownAlone(user, scheme) : `${user}:***@`;
  return {
    scheme,
    name,
    user: decoded(user, "user", name),
    password: decoded(password, "password", name),
    host,
    path,
    parameters,
    shown: `${name}://${who}${host}${path}${parameters.shown}`,
  };
}

function shownAlone(user: string, scheme: Scheme): string {
  if (user === "") return "";
  return scheme === "redis" || scheme === "s3" ? "***@" : `${user}@`;
}
