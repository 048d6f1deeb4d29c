import { lowerMaxBlobBytes } from "../../lib/blobs/size.ts";
import { safeMessage, VaultError, type VaultErrorCode } from "../../lib/errors.ts";
import { PERMANENT, type Table } from "./table.ts";

/** The codes of PostgreSQL that are looked for (Appendix A of its manual, "PostgreSQL Error Codes"). */
export const UNDEFINED_TABLE = "42P01";
/** Of several that make a table at once, some get one of these: duplicate_table, unique_violation, duplicate_object. */
const MADE_BY_ANOTHER = new Set(["42P07", "23505", "42710"]);

/** The SQLSTATE of an error, or the code of a system call; by value, since the application may have another copy of `pg`. */
export function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** Whether the table is there although it could not be made. */
export function isMadeByAnother(error: unknown): boolean {
  return MADE_BY_ANOTHER.has(codeOf(error));
}

type Kind = readonly [code: VaultErrorCode, hint?: string];

const FULL = "The disk of the server is full, or a quota is used up.";
const NOT_OURS = "The table must be as docs/stores.md has it.";
const LEFT_OPEN =
  "Some part of the application gives clients back to the pool without COMMIT or ROLLBACK: correct that, or give the store a pool of its own.";

/** By the SQLSTATE, else by its class, which is its first two characters. */
const kinds: Readonly<Record<string, Kind>> = {
  "28": ["DENIED", "Look at the user, the password and pg_hba.conf."],
  "42501": ["DENIED"],
  "3D": ["INVALID", "The database in the pool's address does not exist."],
  "3F": ["INVALID", "The schema in the option `table` does not exist: create it."],
  "22": ["INVALID", NOT_OURS],
  "23": ["INVALID", NOT_OURS],
  "42": ["INVALID", NOT_OURS],
  "23505": ["CONFLICT"],
  // feature_not_supported: ON CONFLICT on a table with rules, say.
  "0A": ["INVALID", NOT_OURS],
  "25P02": ["UNAVAILABLE", LEFT_OPEN],
  "25006": [
    "UNAVAILABLE",
    "The server takes no writes: it is a standby, or `default_transaction_read_only` is on. Give the pool the address of the primary.",
  ],
  "40": ["UNAVAILABLE"],
  "53100": ["UNAVAILABLE", FULL],
  "53200": ["UNAVAILABLE", "The server is out of memory."],
  "53300": [
    "UNAVAILABLE",
    "The server has no connection left: give the pools of all processes together a smaller `max` than its `max_connections`, or use PgBouncer.",
  ],
  "54": ["TOO_LARGE", lowerMaxBlobBytes("the server")],
  // data_corrupted and index_corrupted: the server has read a page that is damaged.
  XX001: ["CORRUPT", "The server has found damage in its files: look at its log, and restore a backup."],
  XX002: ["CORRUPT", "The server has found damage in an index: look at its log, and run REINDEX."],
};

/** What the client says without a code, and PgBouncer with the code of every refusal of its own, 08P01. */
const sayings: readonly (readonly [RegExp, Kind])[] = [
  [/^SASL: |authentication failed|no such user/, ["DENIED", "Look at the user and the password of the pool."]],
  [/no such database|database .* does not exist/, ["INVALID", "The database in the pool's address does not exist."]],
  [/does not support SSL/, ["INVALID", "Take `ssl` out of the pool's options, or turn TLS on at the server."]],
  [/Cannot use a pool after calling end/, ["UNAVAILABLE", "End the pool after the client is destroyed, not before."]],
  [
    /timeout exceeded when trying to connect/,
    ["UNAVAILABLE", "All connections of the pool are in use: raise its `max`."],
  ],
];

function kindOf(code: string, message: string): Kind {
  const said = sayings.find(([pattern]) => pattern.test(message))?.[1];
  return kinds[code] ?? kinds[code.slice(0, 2)] ?? said ?? ["UNAVAILABLE"];
}

/** An error of the client as a {@link VaultError}. @param what named in the message, e.g. "get" */
export function toVaultError(what: string, error: unknown, table: Table): VaultError {
  const code = codeOf(error);
  const message = messageOf(error);
  const [vaultCode, hint] = kindOf(code, message);
  // An error of the server may quote values, and one of the address its password: neither is kept.
  const cause = Object.assign(new Error(message), code === "" ? {} : { code });
  const options = { cause, hint: code === "42501" ? rightsHint(table) : hint };
  return new VaultError(vaultCode, `PostgreSQL ${what} failed: ${message}`, options);
}

/** `ECONNREFUSED` of several addresses at once has no message of its own. */
function messageOf(error: unknown): string {
  const { errors } = Object(error) as { errors?: unknown[] };
  const first = error instanceof Error && error.message === "" && errors?.[0];
  return safeMessage(first instanceof Error ? first : error);
}

function rightsHint({ name, make }: Table): string {
  return `The user needs SELECT, INSERT, UPDATE and DELETE on ${name}, and USAGE on its schema. If the table is not there yet, run as the owner of the schema: ${make}`;
}

/** The answer of a server that may not know what has been written. */
export function standby(what: string): VaultError {
  return new VaultError("UNAVAILABLE", `PostgreSQL ${what} failed: the server is a standby, which may be behind.`, {
    hint: "Give the pool the address of the primary, not of a read replica or of a pooler that spreads reads.",
  });
}

/** Rows that a policy hides would be absent. */
export function hidden(what: string, { name }: Table): VaultError {
  return new VaultError("INVALID", `PostgreSQL ${what} failed: row-level security may hide rows of ${name}.`, {
    hint: "Connect as the owner of the table or as a user with BYPASSRLS, or turn row-level security off for the table. Give bots that may not see each other's sessions a table each.",
  });
}

/** The table was there before, in this process. */
export function gone({ name }: Table): VaultError {
  return new VaultError("INVALID", `PostgreSQL call failed: the table ${name} is gone.`, {
    hint:
      "It was dropped or renamed while the store was in use, and what may be there now is another table: bring it back. If the " +
      "one that is there is right, for instance restored from a dump, start again.",
  });
}

/** Its rows may vanish, or not be seen. */
export function unfit({ name }: Table, { persistence }: { persistence: string | null }): VaultError {
  if (persistence !== PERMANENT) {
    return new VaultError("INVALID", `PostgreSQL cannot keep sessions: the table ${name} is unlogged or temporary.`, {
      hint: `A crash of the server empties such a table. Run: ALTER TABLE ${name} SET LOGGED`,
    });
  }
  return new VaultError("INVALID", `PostgreSQL cannot keep sessions: ${name} is no ordinary table.`, {
    hint: "A view, a foreign table or one of partitions may hide rows or lose them. Give the store a table as docs/stores.md has it.",
  });
}

/** A put that changed nothing, with no value in its way. */
export function keptOut(): VaultError {
  return new VaultError("INVALID", "PostgreSQL put failed: no row was written.", {
    hint: "A trigger or a rule of the table keeps rows out.",
  });
}

/** A table that the statement found, and did not see yet. */
export function justMade(what: string, { name }: Table): VaultError {
  return new VaultError("UNAVAILABLE", `PostgreSQL ${what} failed: the table ${name} was made at this moment.`);
}

/** What the server says when it makes a table. */
export function noSchema({ name }: Table): Error {
  return Object.assign(new Error(`schema ${name.split(".")[0]} does not exist`), { code: "3F000" });
}

/** A transaction that the application has left open could take a put back that has resolved. */
export function insideTransaction(): VaultError {
  const message = "PostgreSQL call failed: a connection of the pool is inside a transaction.";
  return new VaultError("UNAVAILABLE", message, { hint: LEFT_OPEN });
}
