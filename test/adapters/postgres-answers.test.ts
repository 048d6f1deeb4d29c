import { EventEmitter } from "node:events";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { PostgresBlobs, type PostgresPool } from "../../adapters/postgres/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { type Service, startPostgres } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { errorsOf } from "./postgres-calls.ts";

await suiteWith<Service>("PostgreSQL, at a wrong address", shared(startPostgres), ({ env: { POSTGRES_URL = "" } }) => {
  const at = (change: (url: URL) => void): pg.PoolConfig => {
    const url = new URL(POSTGRES_URL);
    change(url);
    return { connectionString: url.href };
  };

  it.each<[string, pg.PoolConfig, string, RegExp]>([
    [
      "a wrong password",
      at((url) => {
        url.password = "s3cret";
      }),
      "DENIED",
      /password authentication failed/,
    ],
    [
      "an unknown user",
      at((url) => {
        url.username = "nobody";
      }),
      "DENIED",
      /authentication failed/,
    ],
    [
      "no password",
      at((url) => {
        url.password = "";
      }),
      "DENIED",
      /password/,
    ],
    [
      "no such database",
      at((url) => {
        url.pathname = "/nothing";
      }),
      "INVALID",
      /database "nothing" does not exist/,
    ],
    ["TLS that the server does not have", { ...at(() => {}), ssl: true }, "INVALID", /does not support SSL/],
    ["no server", { host: "localhost", port: CLOSED_PORT }, "UNAVAILABLE", /ECONNREFUSED/],
    ["no address", { connectionString: "postgres://bot:s3cret@[" }, "UNAVAILABLE", /Invalid URL/],
  ])("%s is told, and no password", async (_, config, code, message) => {
    const pool = new pg.Pool(config);
    const error = await new PostgresBlobs({ pool }).get("s/a").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    const { stack, cause } = error as Error;
    expect(`${stack} ${JSON.stringify(cause)} ${(cause as Error).stack}`).not.toMatch(/s3cret/);
    await pool.end();
  });
});

describe("errors of PostgreSQL, whichever method is called", () => {
  const failing = (error: unknown): PostgresBlobs => {
    const client = { query: () => Promise.reject(error), release: () => {}, on: () => {}, removeListener: () => {} };
    return new PostgresBlobs({ pool: { connect: async () => client, on: () => {} } as PostgresPool });
  };

  it.each<[string, object, string, RegExp?]>([
    ["a wrong password", { code: "28P01" }, "DENIED", /password/],
    ["pg_hba.conf", { code: "28000" }, "DENIED", /pg_hba/],
    ["a missing right", { code: "42501" }, "DENIED", /SELECT, INSERT, UPDATE and DELETE/],
    ["no such database", { code: "3D000" }, "INVALID", /database/],
    ["no such schema", { code: "3F000" }, "INVALID", /schema/],
    ["no such column", { code: "42703" }, "INVALID", /stores\.md/],
    ["no unique key", { code: "42P10" }, "INVALID", /stores\.md/],
    ["a further column without a value", { code: "23502" }, "INVALID", /stores\.md/],
    ["a standby, or a fail-over", { code: "25006" }, "UNAVAILABLE", /primary/],
    ["a serialization failure", { code: "40001" }, "UNAVAILABLE"],
    ["a deadlock", { code: "40P01" }, "UNAVAILABLE"],
    ["a full disk", { code: "53100" }, "UNAVAILABLE", /full/],
    ["no memory", { code: "53200" }, "UNAVAILABLE", /memory/],
    ["too many connections", { code: "53300" }, "UNAVAILABLE", /max_connections/],
    ["a limit of the server's settings", { code: "53400" }, "UNAVAILABLE"],
    ["a value beyond the server's limits", { code: "54000" }, "TOO_LARGE", /maxBlobBytes/],
    ["a table with rules", { code: "0A000" }, "INVALID", /stores\.md/],
    ["a transaction that has failed", { code: "25P02" }, "UNAVAILABLE", /COMMIT or ROLLBACK/],
    ["a statement that was cancelled", { code: "57014" }, "UNAVAILABLE"],
    ["a shutdown", { code: "57P01" }, "UNAVAILABLE"],
    ["a crash of another process of the server", { code: "57P02" }, "UNAVAILABLE"],
    ["a server that starts", { code: "57P03" }, "UNAVAILABLE"],
    ["a broken connection", { code: "08006" }, "UNAVAILABLE"],
    ["PgBouncer, a wrong password", { code: "08P01", message: "password authentication failed" }, "DENIED", /password/],
    ["PgBouncer, an unknown user", { code: "08P01", message: "no such user: bot" }, "DENIED", /user/],
    ["PgBouncer, no such database", { code: "08P01", message: "no such database: bots" }, "INVALID", /database/],
    ["PgBouncer that gives up", { code: "08P01" }, "UNAVAILABLE"],
    ["a lock that is not to be had", { code: "55P03" }, "UNAVAILABLE"],
    ["an error of the disk", { code: "58030" }, "UNAVAILABLE"],
    ["a damaged page", { code: "XX001" }, "CORRUPT", /backup/],
    ["a damaged index", { code: "XX002" }, "CORRUPT", /REINDEX/],
    ["an error of the server", { code: "XX000" }, "UNAVAILABLE"],
    ["a reset connection", { code: "ECONNRESET" }, "UNAVAILABLE"],
    ["a pipe that broke", { code: "EPIPE" }, "UNAVAILABLE"],
    ["no code at all", { message: "Connection terminated unexpectedly" }, "UNAVAILABLE"],
    [
      "no password",
      { message: "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string" },
      "DENIED",
      /password/,
    ],
    ["a pool in use", { message: "timeout exceeded when trying to connect" }, "UNAVAILABLE", /max/],
    [
      "a pool that was ended",
      { message: "Cannot use a pool after calling end on the pool" },
      "UNAVAILABLE",
      /End the pool/,
    ],
  ])("%s", async (_name, fields, code, hint) => {
    for (const error of await errorsOf(failing(Object.assign(new Error("refused"), fields)))) {
      expect(error).toMatchObject({ code, retryable: code === "UNAVAILABLE" });
      if (hint) expect(error).toMatchObject({ hint: expect.stringMatching(hint) });
    }
  });

  it("have no password of an address, and no value, in their message, their cause or its stack", async () => {
    const told = "could not reach postgres://bot:pass/word@db.example:5432/bots";
    const blobs = failing(Object.assign(new Error(told), { where: "$1 = 's3cret'", detail: "s3cret", code: "08001" }));
    const error = await blobs.get("s/a").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ message: expect.stringContaining("db.example"), cause: { code: "08001" } });
    const { message, stack, cause } = error as Error;
    const beneath = cause as Error;
    const all = [message, stack, beneath.message, beneath.stack, JSON.stringify(beneath)].join("\n");
    expect(all).not.toMatch(/pass|word|s3cret/);
  });

  it.each(["42P07", "23505", "42710"])("take %s for a table that another one has made meanwhile", async (code) => {
    const undefinedTable = Object.assign(new Error("relation does not exist"), { code: "42P01" });
    const answers: Promise<unknown>[] = [
      Promise.reject(undefinedTable),
      Promise.reject(Object.assign(new Error("exists"), { code })),
      Promise.resolve({
        rows: [{ standby: "false", hidden: "false", oid: "16384", kind: "r", persistence: "p", changed: "1" }],
      }),
    ];
    for (const answer of answers) answer.catch(() => {});
    const client = {
      query: () => answers.shift(),
      release: () => {},
      on: () => {},
      removeListener: () => {},
      getTransactionStatus: () => "I",
    };
    const pool = { connect: async () => client, on: () => {} } as unknown as PostgresPool;
    await new PostgresBlobs({ pool }).put("s/a", Buffer.from("x"));
    expect(answers).toEqual([]);
  });

  it("of a connection that breaks during a call end that call, not the process", async () => {
    const broken = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const released: unknown[] = [];
    const client = Object.assign(new EventEmitter(), {
      query: () =>
        new Promise((_, reject) => {
          setImmediate(() => {
            client.emit("error", broken);
            reject(broken);
          });
        }),
      release: (destroy: unknown) => released.push(destroy),
    });
    const pool = { connect: async () => client, on: () => {} } as unknown as PostgresPool;
    await expect(new PostgresBlobs({ pool }).get("s/a")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(released).toEqual([true]);
    expect(client.listenerCount("error")).toBe(0);
  });
});
