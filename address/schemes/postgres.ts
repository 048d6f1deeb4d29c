import type { ConnectionOptions } from "node:tls";
import { VaultError } from "../../lib/errors.ts";
import { hostOf } from "../hosts.ts";
import { loadLibrary } from "../load-library.ts";
import { decoded } from "../parameters.ts";
import type { Address } from "../parse-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";
import { fileOf } from "../tls-files.ts";
import { wrongAddress } from "../wrong-address.ts";

const DEFAULT_PORT = 5_432;
const CONNECT_WITHIN_SECONDS = 10;
/** Those of libpq that mean something here (postgresql.org/docs/current/libpq-connect.html), and ours first. */
const KNOWN = [
  "table",
  ..."sslmode sslrootcert sslcert sslkey sslpassword sslnegotiation channel_binding".split(" "),
  ..."connect_timeout application_name options target_session_attrs host port user password".split(" "),
];
/** `pg` has no way to ask for encryption and go on without. */
const MODES = ["disable", "require", "verify-ca", "verify-full", "no-verify"] as const;

/** `postgres://…/database`, with `table`, and parameters of libpq. */
export async function openPostgres(address: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const { parameters, shown } = address;
  parameters.refuseOthers(shown, KNOWN);
  const settings = { ...(await connectionOf(address)), ...(await encryptionOf(address)) };
  const { Pool } = await loadLibrary("A store in PostgreSQL", [
    { name: "pg", least: "8.0.0", load: async () => (await import("pg")).default },
  ]);
  const { PostgresBlobs } = await import("../../adapters/postgres/index.ts");
  const pool = new Pool({
    ...settings,
    connectionTimeoutMillis: 1000 * (parameters.number("connect_timeout", 1) ?? CONNECT_WITHIN_SECONDS),
    application_name: parameters.get("application_name") ?? "wa-vault",
    options: parameters.get("options"),
    keepAlive: true,
    // A connection that nobody uses keeps no process from ending.
    allowExitOnIdle: true,
  });
  return { blobs: new PostgresBlobs({ ...options, pool, table: parameters.get("table") }), close: () => pool.end() };
}

/** What is not in the address comes from `PGHOST`, `PGUSER` … and `~/.pgpass`, as with every client of PostgreSQL. */
async function connectionOf(address: Address): Promise<object> {
  const { name, user, password, host, path, parameters } = address;
  const [, database = "", more] = /^\/?([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  if (more) throw wrongAddress(name, "has more than one name behind its host", "postgres");
  const said = {
    user: user || parameters.get("user"),
    password: password || parameters.get("password"),
    database: decoded(database, "database", name),
  };
  const where = parameters.get("host") ?? (/^%2f/i.test(host) ? decoded(host, "host", name) : undefined);
  const port = parameters.number("port", 1);
  const place =
    where === undefined
      ? hostOf(address, port ?? DEFAULT_PORT, "Name the server that takes writes.")
      : { host: where, port: port ?? DEFAULT_PORT };
  return Object.fromEntries(
    Object.entries({ ...said, ...place }).filter(([, value]) => value !== undefined && value !== ""),
  );
}

/** `sslmode` as libpq means it: only `verify-full` checks that the certificate is of this host. */
async function encryptionOf({ parameters }: Address): Promise<object> {
  const given = parameters.get("sslmode");
  if (given === "prefer" || given === "allow") {
    throw new VaultError("INVALID", `\`sslmode=${given}\` of the address is not possible with \`pg\`.`, {
      hint: "Write `sslmode=require`, or better `verify-full`; or `disable` on a network that nobody else is in.",
    });
  }
  const mode = parameters.oneOf("sslmode", MODES);
  const files = ["sslrootcert", "sslcert", "sslkey"].filter((name) => parameters.has(name));
  if (mode === "disable") return { ssl: false };
  const extra = {
    ...(parameters.get("sslnegotiation") === "direct" ? { sslnegotiation: "direct" } : {}),
    ...(parameters.get("channel_binding") === "require" ? { enableChannelBinding: true } : {}),
  };
  if (mode === undefined && files.length === 0) return extra;
  const root = parameters.get("sslrootcert");
  const ca = root === undefined || root === "system" ? undefined : await fileOf("sslrootcert", root);
  const [cert, key] = await Promise.all(["sslcert", "sslkey"].map((name) => fileOf(name, parameters.get(name))));
  if (mode === "verify-ca" && ca === undefined) {
    throw new VaultError(
      "INVALID",
      "`sslmode=verify-ca` of the address needs `sslrootcert`, the file of the authority.",
    );
  }
  const checks: ConnectionOptions =
    mode === "no-verify" || (mode === "require" && ca === undefined)
      ? { rejectUnauthorized: false }
      : mode === "require" || mode === "verify-ca"
        ? { checkServerIdentity: () => undefined }
        : {};
  const passphrase = parameters.get("sslpassword");
  const ssl = Object.fromEntries(
    Object.entries({ ca, cert, key, passphrase }).filter(([, value]) => value !== undefined),
  );
  return { ssl: { ...ssl, ...checks }, ...extra };
}
