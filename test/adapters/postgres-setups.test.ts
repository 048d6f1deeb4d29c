import pg from "pg";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { PostgresBlobs, PostgresStore } from "../../adapters/postgres/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { type Service, startPostgres, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { errorsOf, keysOf } from "./postgres-calls.ts";

const value = Buffer.from([0, 1, 0x5c, 0x27, 0xff, 0x0a]);

await suiteWith<Service>("PostgreSQL, set up otherwise", shared(startPostgres), ({ env }) => {
  const connectionString = env.POSTGRES_URL ?? "";
  const owner = new pg.Pool({ connectionString });
  const pools: pg.Pool[] = [];
  const roles: string[] = [];
  const tables: string[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end();
    for (const table of tables.splice(0)) await owner.query(`DROP TABLE IF EXISTS "${table}"`);
    for (const role of roles.splice(0)) await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  afterAll(() => owner.end());

  const newTable = (): string => {
    const table = `t${unique()}`;
    tables.push(table);
    return table;
  };
  const poolOf = (config: pg.PoolConfig): pg.Pool => {
    const pool = new pg.Pool(config);
    pools.push(pool);
    return pool;
  };
  /** A pool of a new user. @param settings of SQL, with `$` for its name */
  const userWith = async (...settings: string[]): Promise<pg.Pool> => {
    const role = `u${unique()}`;
    roles.push(role);
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    for (const setting of settings) await owner.query(setting.replaceAll("$", role));
    const url = new URL(connectionString);
    return poolOf({
      host: url.hostname,
      port: Number(url.port),
      database: url.pathname.slice(1),
      user: role,
      password: "secret",
    });
  };
  /** A table with one value, of the owner of the database. */
  const filled = async (): Promise<{ table: string; blobs: PostgresBlobs }> => {
    const table = newTable();
    const blobs = new PostgresBlobs({ pool: owner, table });
    await blobs.put("s/a", value);
    return { table, blobs };
  };
  const ALL = "SELECT, INSERT, UPDATE, DELETE";

  it("reads what it wrote, whatever the application has set for values", async () => {
    const odd = () => () => {
      throw new Error("a parser of the application");
    };
    const types = {
      getTypeParser: odd,
      setTypeParser: () => {},
      builtins: pg.types.builtins,
    } as unknown as pg.CustomTypesConfig;
    for (const config of [{ types }, { binary: true }, { options: "-c bytea_output=escape -c datestyle=German" }]) {
      const blobs = new PostgresBlobs({ pool: poolOf({ connectionString, ...config }), table: newTable() });
      await blobs.put("s/a", value);
      expect(await blobs.get("s/a")).toEqual(value);
      expect(await blobs.get("s/b")).toBeUndefined();
      for await (const info of blobs.list("s/")) {
        expect(info).toEqual({ key: "s/a", size: value.length, modifiedAt: expect.any(Date) });
        expect(Math.abs(info.modifiedAt.getTime() - Date.now())).toBeLessThan(600_000);
      }
      await expect(blobs.put("s/a", value, { ifAbsent: true })).rejects.toMatchObject({ code: "CONFLICT" });
    }
  });

  it("has a put on the disk when it resolves, also where commits need not wait for that", async () => {
    const table = newTable();
    const pool = await userWith("ALTER ROLE $ SET synchronous_commit = off", "GRANT CREATE ON SCHEMA public TO $");
    const blobs = new PostgresBlobs({ pool, table });
    await blobs.put("s/a", value);
    // All that was written up to the answer has to be flushed.
    const written = async (): Promise<string> =>
      (await owner.query("SELECT pg_current_wal_insert_lsn() AS at")).rows[0].at;
    const isFlushed = async (at: string): Promise<boolean> =>
      (await owner.query("SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS is", [at])).rows[0].is;
    for (const change of [
      () => blobs.put("s/a", value),
      () => blobs.put("s/b", value, { ifAbsent: true }),
      () => blobs.delete(["s/a", "s/b"]),
    ]) {
      const before = await written();
      await change();
      expect(await isFlushed(before)).toBe(true);
    }
    expect((await pool.query("SHOW synchronous_commit")).rows).toEqual([{ synchronous_commit: "off" }]);
  });

  it("makes the table by a put: reads and deletions find nothing, and make none", async () => {
    const table = newTable();
    const blobs = new PostgresBlobs({ pool: owner, table });
    const isThere = async () => (await owner.query("SELECT to_regclass($1) AS at", [table])).rows[0].at !== null;
    expect(await blobs.get("s/a")).toBeUndefined();
    expect(await keysOf(blobs)).toEqual([]);
    await blobs.delete(["s/a"]);
    expect(await blobs.traits()).toMatchObject({ exclusiveCreate: true });
    expect(await isThere()).toBe(false);
    await blobs.put("s/a", value, { ifAbsent: true });
    expect(await isThere()).toBe(true);
    expect(await blobs.get("s/a")).toEqual(value);
  });

  it("makes the table once for stores that begin at the same time", async () => {
    const table = newTable();
    const stores = Array.from({ length: 8 }, () => new PostgresBlobs({ pool: owner, table }));
    expect(await Promise.all(stores.map((blobs) => blobs.get("s/a")))).toEqual(stores.map(() => undefined));
    const puts = await Promise.allSettled(stores.map((blobs) => blobs.put("s/a", value, { ifAbsent: true })));
    expect(puts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("does not make a table anew that was there, since every session would be absent", async () => {
    const { table, blobs } = await filled();
    await owner.query(`ALTER TABLE "${table}" RENAME TO "${newTable()}"`);
    for (const error of await errorsOf(blobs)) {
      expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(/table .* is gone/) });
    }
  });

  it("neither reads nor writes another table that has got the name of its own", async () => {
    const { table, blobs } = await filled();
    const aside = newTable();
    await owner.query(`ALTER TABLE "${table}" RENAME TO "${aside}"`);
    const other = new PostgresBlobs({ pool: owner, table });
    expect(await other.get("s/a")).toBeUndefined();
    await other.put("s/b", value);
    for (const error of await errorsOf(blobs)) {
      expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(/table .* is gone/) });
      expect(error).toMatchObject({ hint: expect.stringContaining("start again") });
    }
    await expect(blobs.put("s/b", Buffer.from("x"))).rejects.toMatchObject({ code: "INVALID" });
    await expect(blobs.delete(["s/b"])).rejects.toMatchObject({ code: "INVALID" });
    expect(await keysOf(other)).toEqual(["s/b"]);
    expect(await other.get("s/b")).toEqual(value);
    await owner.query(`DROP TABLE "${table}"; ALTER TABLE "${aside}" RENAME TO "${table}"`);
    expect(await blobs.get("s/a")).toEqual(value);
  });

  it("knows its table also by a put alone, and keeps it through all that is done to a table in its place", async () => {
    const table = newTable();
    const blobs = new PostgresBlobs({ pool: owner, table });
    await blobs.put("s/a", value);
    for (const change of ["VACUUM FULL $", "ALTER TABLE $ ADD COLUMN more int", "ALTER TABLE $ SET UNLOGGED"]) {
      await owner.query(change.replace("$", `"${table}"`));
    }
    await owner.query(`ALTER TABLE "${table}" SET LOGGED`);
    expect(await blobs.get("s/a")).toEqual(value);
    await owner.query(
      `DROP TABLE "${table}"; CREATE TABLE "${table}" (key text PRIMARY KEY, bytes bytea, modified_at timestamptz)`,
    );
    await expect(blobs.get("s/a")).rejects.toMatchObject({ message: expect.stringContaining("is gone") });
  });

  it("tells a session from one of a table that is gone, although another process began anew", async () => {
    const { table } = await filled();
    const session = "RemoteAuth-bot";
    const store = new PostgresStore({ pool: owner, table, retries: 0 });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await owner.query(`ALTER TABLE "${table}" RENAME TO "${newTable()}"`);
    const another = new PostgresStore({ pool: owner, table, retries: 0 });
    expect(await another.sessionExists({ session })).toBe(false);
    await (await another.acquire({ session })).release();
    const refused = { code: "INVALID", message: expect.stringContaining("is gone") };
    await expect(store.state({ session })).rejects.toMatchObject(refused);
    await expect(store.sessionExists({ session })).rejects.toMatchObject(refused);
    await lease.release().catch(() => {});
  });

  it("looks into the schema that it was given, whatever search_path is", async () => {
    const { table } = await filled();
    const pool = poolOf({ connectionString, options: "-c search_path=pg_temp" });
    expect(await new PostgresBlobs({ pool, table }).get("s/a")).toEqual(value);
    expect(await new PostgresBlobs({ pool, table: `public.${table}` }).get("s/a")).toEqual(value);
  });

  it("takes a table that was made by hand, in another order of texts", async () => {
    const table = newTable();
    await owner.query(
      `CREATE TABLE "${table}" (modified_at timestamptz NOT NULL, bytes bytea, key text COLLATE "und-x-icu" PRIMARY KEY)`,
    );
    const blobs = new PostgresBlobs({ pool: owner, table });
    const keys = ["s/A", "s/_", "s/a", "s/a-b", "s/a.b", "s/aB", "s/ab", "s/b"];
    for (const key of [...keys, "S/a", "s-/a", "t/a"]) await blobs.put(key, value);
    expect((await keysOf(blobs)).sort()).toEqual(keys.sort());
    await owner.query(`UPDATE "${table}" SET bytes = NULL WHERE key = 's/a'`);
    await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("refuses a table that a crash empties, whichever method is called", async () => {
    const table = newTable();
    await owner.query(`CREATE UNLOGGED TABLE "${table}" (key text PRIMARY KEY, bytes bytea, modified_at timestamptz)`);
    const blobs = new PostgresBlobs({ pool: owner, table });
    for (const error of await errorsOf(blobs)) {
      expect(error).toMatchObject({ code: "INVALID", hint: expect.stringContaining("SET LOGGED") });
    }
    expect((await owner.query(`SELECT key FROM "${table}"`)).rows).toEqual([]);
    await owner.query(`ALTER TABLE "${table}" SET LOGGED`);
    expect(await blobs.traits()).toEqual({ maxBlobBytes: 8 * 1024 * 1024, exclusiveCreate: true });
  });

  it.each<[string, string]>([
    ["a view that filters", "CREATE VIEW $ AS SELECT * FROM # WHERE key LIKE 'other/%'"],
    ["a view of all rows", "CREATE VIEW $ AS SELECT * FROM #"],
    ["a materialized view", "CREATE MATERIALIZED VIEW $ AS SELECT * FROM #; CREATE UNIQUE INDEX ON $ (key)"],
    ["a table of partitions", "CREATE TABLE $ (LIKE # INCLUDING INDEXES) PARTITION BY HASH (key)"],
  ])("refuses %s, which may hide rows", async (_, make) => {
    const { table: behind } = await filled();
    const schema = `s${unique()}`;
    await owner.query(`CREATE SCHEMA ${schema}`);
    try {
      await owner.query(make.replaceAll("$", `${schema}.blobs`).replaceAll("#", `"${behind}"`));
      for (const error of await errorsOf(new PostgresBlobs({ pool: owner, table: `${schema}.blobs` }))) {
        expect(error).toMatchObject({ code: "INVALID" });
      }
      expect(await keysOf(new PostgresBlobs({ pool: owner, table: behind }))).toEqual(["s/a"]);
    } finally {
      await owner.query(`DROP SCHEMA ${schema} CASCADE`);
    }
  });

  it("tells a trigger that keeps rows out from a key that is there", async () => {
    const { table, blobs } = await filled();
    const trigger = `nope_${unique()}`;
    await owner.query(
      `CREATE FUNCTION ${trigger}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER nope BEFORE INSERT OR UPDATE ON "${table}" FOR EACH ROW EXECUTE FUNCTION ${trigger}()`,
    );
    try {
      const refused = { code: "INVALID", hint: expect.stringContaining("trigger") };
      await expect(blobs.put("s/b", value)).rejects.toMatchObject(refused);
      await expect(blobs.put("s/b", value, { ifAbsent: true })).rejects.toMatchObject(refused);
      await expect(blobs.put("s/a", value, { ifAbsent: true })).rejects.toMatchObject({ code: "CONFLICT" });
      const store = new PostgresStore({ pool: owner, table, retries: 0 });
      await expect(store.acquire({ session: "RemoteAuth-bot" })).rejects.toMatchObject(refused);
    } finally {
      await owner.query(`DROP FUNCTION ${trigger}() CASCADE`);
    }
  });

  it("refuses a table of other columns", async () => {
    const table = newTable();
    await owner.query(`CREATE TABLE "${table}" (id int)`);
    const blobs = new PostgresBlobs({ pool: owner, table });
    await expect(blobs.get("s/a")).rejects.toMatchObject({
      code: "INVALID",
      hint: expect.stringContaining("stores.md"),
    });
    await expect(blobs.put("s/a", value)).rejects.toMatchObject({ code: "INVALID" });
  });

  it("needs its four rights, and no other", async () => {
    const { table } = await filled();
    const pool = await userWith(`GRANT ${ALL} ON "${table}" TO $`);
    const blobs = new PostgresBlobs({ pool, table });
    expect(await blobs.get("s/a")).toEqual(value);
    await blobs.traits();
    await blobs.put("s/a", value);
    await blobs.put("s/b", value, { ifAbsent: true });
    await blobs.delete(["s/b"]);
    expect(await keysOf(blobs)).toEqual(["s/a"]);
  });

  it("is denied without a right: an absence is never answered", async () => {
    const { table } = await filled();
    const pool = await userWith();
    const refused = { code: "DENIED", retryable: false, hint: expect.stringContaining(`on "public"."${table}"`) };
    for (const error of await errorsOf(new PostgresBlobs({ pool, table }))) {
      expect(error).toMatchObject(refused);
      expect(String(error)).toContain(`permission denied for table ${table}`);
    }
  });

  it("is denied a table that it may not make, when it has to, and says the statement", async () => {
    const pool = await userWith();
    const table = newTable();
    await owner.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    const error = await new PostgresBlobs({ pool, table }).put("s/a", value).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "DENIED", hint: expect.stringContaining("CREATE TABLE IF NOT EXISTS") });
    const [, statement = ""] = /: (CREATE TABLE .*)$/.exec((error as { hint: string }).hint) ?? [];
    await owner.query(`${statement}; GRANT ${ALL} ON "${table}" TO ${roles.at(-1)}`);
    expect(await new PostgresBlobs({ pool, table }).get("s/a")).toBeUndefined();
  });

  it("is not answered by what a policy leaves", async () => {
    const { table } = await filled();
    const pool = await userWith(`GRANT ${ALL} ON "${table}" TO $`, `ALTER TABLE "${table}" ENABLE ROW LEVEL SECURITY`);
    const blobs = new PostgresBlobs({ pool, table });
    const refused = { code: "INVALID", message: expect.stringContaining("row-level security") };
    await expect(blobs.get("s/a")).rejects.toMatchObject(refused);
    await expect(keysOf(blobs)).rejects.toMatchObject(refused);
    await expect(blobs.traits()).rejects.toMatchObject(refused);
    // Its owner sees all rows.
    expect(await new PostgresBlobs({ pool: owner, table }).get("s/a")).toEqual(value);
  });

  it("is unavailable where it may only read, also at the first call", async () => {
    const { table } = await filled();
    const readOnly = "ALTER ROLE $ SET default_transaction_read_only = on";
    const pool = await userWith(readOnly, `GRANT ${ALL} ON "${table}" TO $`, "GRANT CREATE ON SCHEMA public TO $");
    const refused = { code: "UNAVAILABLE", message: expect.stringContaining("read-only transaction") };
    expect(await new PostgresBlobs({ pool, table }).get("s/a")).toEqual(value);
    await expect(new PostgresBlobs({ pool, table }).put("s/a", value)).rejects.toMatchObject(refused);
    await expect(new PostgresBlobs({ pool, table: newTable() }).put("s/a", value)).rejects.toMatchObject(refused);
  });

  it("lets one of many create a key in the strictest isolation, too", async () => {
    const { table } = await filled();
    const strict = "ALTER ROLE $ SET default_transaction_isolation = 'serializable'";
    const blobs = new PostgresBlobs({ pool: await userWith(strict, `GRANT ${ALL} ON "${table}" TO $`), table });
    for (let round = 0; round < 20; round++) {
      const racers = Array.from({ length: 6 }, () => blobs.put(`s/${round}`, value, { ifAbsent: true }));
      const results = await Promise.allSettled(racers);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results) {
        if (result.status === "rejected") expect(["CONFLICT", "UNAVAILABLE"]).toContain(result.reason.code);
      }
    }
  });

  /** As before pg 8.19: it does not know whether a transaction is open. */
  class OlderClient extends pg.Client {}
  Object.defineProperty(OlderClient.prototype, "getTransactionStatus", { value: undefined });

  describe.each([
    ["the client knows", pg.Client],
    ["the client does not know", OlderClient],
  ])("a transaction that the application has left open, where %s", (_, Client) => {
    const refused = { code: "UNAVAILABLE", hint: expect.stringMatching(/COMMIT or ROLLBACK/) };

    it.each([
      ["idle", "BEGIN", true],
      ["idle, in another isolation", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1", true],
      ["failed", "BEGIN; SELECT 1/0", true],
      ["that nobody has waited for", "BEGIN", false],
    ])("is not used: %s", async (_name, left, isAwaited) => {
      const { table } = await filled();
      const pool = poolOf({ connectionString, max: 1, Client });
      for (const call of [
        (blobs: PostgresBlobs) => blobs.put("s/b", value),
        (blobs: PostgresBlobs) => blobs.put("s/c", value, { ifAbsent: true }),
        (blobs: PostgresBlobs) => blobs.delete(["s/a"]),
        (blobs: PostgresBlobs) => blobs.get("s/a"),
      ]) {
        const client = await pool.connect();
        const sent = client.query(left).catch(() => {});
        if (isAwaited) await sent;
        client.release();
        await expect(call(new PostgresBlobs({ pool, table }))).rejects.toMatchObject(refused);
        // That connection is gone, and what it had done.
        expect(await keysOf(new PostgresBlobs({ pool: owner, table }))).toEqual(["s/a"]);
      }
      await new PostgresBlobs({ pool, table }).put("s/b", value);
      expect(await new PostgresBlobs({ pool: owner, table }).get("s/b")).toEqual(value);
    });
  });

  it("gives a connection up that does not answer, and uses the pool on", async () => {
    const { table } = await filled();
    const pool = poolOf({ connectionString, max: 1 });
    const blobs = new PostgresBlobs({ pool, table });
    const holder = await owner.connect();
    await holder.query(`BEGIN; LOCK TABLE "${table}"`);
    try {
      const controller = new AbortController();
      const stuck = blobs.get("s/a", { signal: controller.signal });
      const waiting = new AbortController();
      const behind = blobs.get("s/a", { signal: waiting.signal });
      const reason = new Error("enough");
      setImmediate(() => waiting.abort(reason));
      await expect(behind).rejects.toBe(reason);
      controller.abort(reason);
      await expect(stuck).rejects.toBe(reason);
      expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    } finally {
      await holder.query("ROLLBACK");
      holder.release();
    }
    expect(await blobs.get("s/a")).toEqual(value);
    expect(pool.totalCount).toBe(1);
  });

  it("survives the end of its connections, in use and idle", async () => {
    const { table } = await filled();
    const pool = poolOf({ connectionString, application_name: table });
    const blobs = new PostgresBlobs({ pool, table });
    const end = () =>
      owner.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", [table]);
    expect(await blobs.get("s/a")).toEqual(value);
    const removed = new Promise((resolve) => pool.once("remove", resolve));
    await end();
    await removed;
    const holder = await owner.connect();
    await holder.query(`BEGIN; LOCK TABLE "${table}"`);
    const waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'";
    const stuck = blobs.get("s/a").catch((error: unknown) => error);
    while ((await owner.query(waits, [table])).rowCount === 0);
    await end();
    expect(await stuck).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    await holder.query("ROLLBACK");
    holder.release();
    expect(await blobs.get("s/a")).toEqual(value);
  });

  it("does not make the schema of its table", async () => {
    await expect(new PostgresBlobs({ pool: owner, table: "nowhere.blobs" }).get("s/a")).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining('schema "nowhere" does not exist'),
    });
  });
});
