import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PostgresStore } from "../../adapters/postgres/index.ts";
import { type Service, startPostgres, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { authority, type Encrypted, encrypted } from "./support/encrypted.ts";
import { expectSameStore, open, session } from "./support/same-session.ts";

await suiteWith<Service>("PostgreSQL behind TLS", shared(startPostgres), ({ env }) => {
  const { POSTGRES_URL = "" } = env;
  const pool = new pg.Pool({ connectionString: POSTGRES_URL });
  let tls: Encrypted;
  beforeAll(async () => {
    tls = await encrypted(Number(new URL(POSTGRES_URL).port || 5_432), "postgres");
  });
  afterAll(async () => {
    await pool.end();
    await tls.stop();
  });

  /** The address through the port that speaks TLS. */
  function addressOf(query: string, host = "127.0.0.1"): string {
    const url = new URL(POSTGRES_URL);
    url.host = `${host}:${tls.port}`;
    return `${url.href}?${query}`;
  }

  it.each([
    ["sslmode=require"],
    ["sslmode=no-verify"],
    ["sslmode=require&sslrootcert=AUTHORITY"],
    ["sslmode=verify-ca&sslrootcert=AUTHORITY"],
    ["sslmode=verify-full&sslrootcert=AUTHORITY"],
    ["sslrootcert=AUTHORITY"],
  ])("is a store by its address with %s, without a warning", async (query) => {
    const [table, before] = [`t${unique()}`, tls.count()];
    const address = addressOf(`table=${table}&${query.replace("AUTHORITY", authority)}`);
    await expectSameStore(address, new PostgresStore({ pool, table }));
    expect(tls.count()).toBeGreaterThan(before);
    await pool.query(`drop table ${table}`);
  });

  it.each([["sslmode=verify-full"], ["sslmode=verify-full&sslrootcert=system"]])(
    "is not believed without the authority of its certificate, with %s",
    async (query) => {
      const store = await open(addressOf(query), { retries: 0 });
      await expect(store.state({ session })).rejects.toMatchObject({ message: /certificate.*The store is postgres/ });
      await store.close();
    },
  );

  it("names a file that is not there", async () => {
    await expect(open(addressOf("sslmode=verify-full&sslrootcert=/nowhere/ca.pem"))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "`sslrootcert` of the address names a file that is not there: /nowhere/ca.pem.",
    });
  });

  it("takes its host and port as parameters too", async () => {
    const { username, password, pathname, port } = new URL(POSTGRES_URL);
    const table = `t${unique()}`;
    const address = `postgres://${username}:${password}@${pathname}?host=127.0.0.1&port=${port}&table=${table}`;
    await expectSameStore(address, new PostgresStore({ pool, table }));
    await pool.query(`drop table ${table}`);
  });
});
