import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PostgresBlobs, PostgresStore } from "../../adapters/postgres/index.ts";
import { blobContract } from "../contract/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { type OwnService, startOwnPostgres, startPgBouncer, unique } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { storeSuites } from "../support/store-suites.ts";

const runner = { describe, it };

interface Bounced {
  readonly server: OwnService;
  readonly bouncer: OwnService;
  readonly way: string;
  stop(): Promise<void>;
}

/** Two connections behind it for all of its clients: a statement is seldom on the one that had the statement before. */
async function bounced(): Promise<Bounced> {
  const server = await startOwnPostgres(["synchronous_commit=off"]);
  const bouncer = await startPgBouncer(server, ["default_pool_size = 2"]);
  const stop = async (): Promise<void> => {
    await bouncer.stop();
    await server.stop();
  };
  return { server, bouncer, way: `${bouncer.way}, in transaction mode`, stop };
}

await suiteWith("PostgreSQL behind PgBouncer", bounced, ({ server, bouncer }) => {
  const pool = new pg.Pool({ connectionString: bouncer.env.POSTGRES_URL });
  const direct = new pg.Pool({ connectionString: server.env.POSTGRES_URL });
  const unreachable = new pg.Pool({ host: "127.0.0.1", port: CLOSED_PORT });
  afterAll(async () => {
    for (const each of [pool, direct, unreachable]) await each.end();
  });

  blobContract(runner, {
    name: "PgBouncer",
    open: () => {
      const table = unique();
      const again = new PostgresBlobs({ pool: direct, table });
      return {
        blobs: new PostgresBlobs({ pool, table }),
        again,
        unreachable: new PostgresBlobs({ pool: unreachable }),
      };
    },
  });
  storeSuites("PgBouncer", (options) => {
    const table = unique();
    const again = (): PostgresStore => new PostgresStore({ ...options, pool, table });
    return { blobs: new PostgresBlobs({ pool, table }), store: again(), again };
  });

  describe("what another client leaves behind on its connections", () => {
    beforeAll(async () => {
      const other = new pg.Pool({ connectionString: bouncer.env.POSTGRES_URL });
      const settings = "SET search_path = pg_temp; SET bytea_output = escape";
      await Promise.all(Array.from({ length: 8 }, () => other.query(settings)));
      await other.end();
    });

    it("changes nothing", async () => {
      const blobs = new PostgresBlobs({ pool });
      const value = Buffer.from([0, 0x5c, 0xff]);
      for (let n = 0; n < 10; n++) await blobs.put(`s/${n}`, value);
      expect(await Promise.all(Array.from({ length: 10 }, (_, n) => blobs.get(`s/${n}`)))).toEqual(
        Array.from({ length: 10 }, () => value),
      );
      expect(await new PostgresBlobs({ pool: direct }).get("s/9")).toEqual(value);
    });
  });

  it.each<[string, string, object]>([
    ["a wrong password", "password", { code: "DENIED" }],
    ["an unknown user", "username", { code: "DENIED" }],
    ["no such database", "pathname", { code: "INVALID", message: expect.stringContaining("does not exist") }],
  ])("tells %s", async (_, part, told) => {
    const url = Object.assign(new URL(bouncer.env.POSTGRES_URL ?? ""), { [part]: "nothing" });
    const wrong = new pg.Pool({ connectionString: url.href });
    await expect(new PostgresBlobs({ pool: wrong }).get("s/a")).rejects.toMatchObject(told);
    await wrong.end();
  });

  it("leaves no setting behind for other clients", async () => {
    const blobs = new PostgresBlobs({ pool });
    for (let n = 0; n < 20; n++) await blobs.put("s/a", Buffer.from("x"));
    const shown = await Promise.all(Array.from({ length: 20 }, () => pool.query("SHOW synchronous_commit")));
    expect(new Set(shown.map(({ rows }) => rows[0].synchronous_commit))).toEqual(new Set(["off"]));
  });
});
