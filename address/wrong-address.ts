import { VaultError } from "../lib/errors.ts";
import { isNear } from "../lib/nearest-names.ts";
import type { Scheme } from "./parse-address.ts";

const FORMS = "`file:./sessions`, `s3://bucket/folder`, `mongodb://…`, `redis://…`, `rediss://…` and `postgres://…`";

/** How an address of each kind is written. */
const FORM: Readonly<Record<Scheme, string>> = {
  file: "file:./sessions",
  s3: "s3://bucket/folder",
  mongodb: "mongodb://user:password@host:27017/database",
  redis: "redis://:password@host:6379/0",
  postgres: "postgres://user:password@host:5432/database",
};

/** What people call the schemes otherwise. */
const ALSO: Readonly<Record<string, Scheme>> = {
  mongo: "mongodb",
  mongoose: "mongodb",
  pg: "postgres",
  pgsql: "postgres",
  postgre: "postgres",
  psql: "postgres",
  aws: "s3",
  minio: "s3",
  r2: "s3",
  s3a: "s3",
  s3n: "s3",
  dir: "file",
  folder: "file",
  fs: "file",
  path: "file",
  ioredis: "redis",
  tls: "redis",
  valkey: "redis",
};

const ENCODED =
  "In a user and a password write `/` as `%2F`, `?` as `%3F`, `#` as `%23`, `@` as `%40`, `:` as `%3A` and `%` as `%25`.";

/** @throws `INVALID` when a text cannot be an address, whatever its scheme is */
export function refuseShape(text: string): void {
  if (text === "") {
    throw new VaultError("INVALID", "The address of the store is empty.", { hint: `Addresses are ${FORMS}.` });
  }
  if (/^["'`“‘].*["'`”’]$/s.test(text)) {
    throw new VaultError("INVALID", "The address of the store stands in quotation marks.", {
      hint: "Remove them: a file for `docker run --env-file` takes them for a part of the value.",
    });
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are looked for
  if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(text)) {
    throw new VaultError(
      "INVALID",
      "The address of the store has a line break, or another character that is not to be seen.",
      {
        hint: "Give one address, in one line.",
      },
    );
  }
}

/** An address of a known scheme that lacks a part. */
export function wrongAddress(name: string, what: string, scheme: Scheme): VaultError {
  return new VaultError("INVALID", `The address of the store (\`${name}:\`) ${what}.`, {
    hint: `It is written as \`${FORM[scheme].replace(/^\w+/, name)}\`.`,
  });
}

/** An address of a known scheme that has its parts in no order that can be read. */
export function cannotRead(text: string, name: string, scheme: Scheme): VaultError {
  const hint = text.includes("@")
    ? ENCODED
    : text.includes("#")
      ? "It has a `#`: write it as `%23`."
      : `It begins with \`${name}://\`: \`${FORM[scheme].replace(/^\w+/, name)}\`.`;
  return new VaultError("INVALID", `The address of the store (\`${name}:\`) cannot be read.`, { hint });
}

/** A text that has no scheme, or one that is not known. @param name the scheme in small letters, "" without */
export function noAddress(text: string, name: string, known: readonly string[]): VaultError {
  if (/^(?:\.{0,2}[/\\]|\.{1,2}$|~|[a-z]:[\\/]|[\w.-]+$)/i.test(text)) {
    return new VaultError("INVALID", "The address of the store has no scheme.", {
      // A word alone may be a password that came into the wrong variable.
      hint: /^[\w.-]+$/.test(text)
        ? `A directory is written as \`file:./name\`; addresses are ${FORMS}.`
        : "A directory is written with `file:` before its path, as `file:./sessions` or `file:/var/lib/sessions`.",
    });
  }
  if (name === "" || !text.slice(name.length).startsWith("://")) {
    return new VaultError("INVALID", "The address of the store has no scheme.", { hint: `Addresses are ${FORMS}.` });
  }
  const shown = name.slice(0, 20);
  return new VaultError("INVALID", `The address of the store has the scheme \`${shown}\`, which is not known.`, {
    hint: `${meant(name, known)}Addresses are ${FORMS}.`,
  });
}

function meant(name: string, known: readonly string[]): string {
  if (name === "http" || name === "https") {
    return `A server of S3 is named as \`s3://bucket?endpoint=${name}://…\`. `;
  }
  const near = ALSO[name] ?? known.find((one) => isNear(one, name) || (one.length <= 3 && isClose(one, name)));
  return near === undefined ? "" : `\`${near}\` is meant? `;
}

/** Of the short ones, one letter differs, or is missing. */
function isClose(one: string, other: string): boolean {
  return one.length === other.length ? [...one].filter((letter, at) => letter !== other[at]).length === 1 : false;
}
