import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PostgresBlobs, PostgresStore } from "../../adapters/postgres/index.ts";
import { blobContract } from "../contract/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { isLong, leaveToLong } from "../support/length.ts";
import { type Service, startPostgres, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { storeSuites } from "../support/store-suites.ts";

const runner = { describe, it };
/** Pages come one after the other, whatever the pool: with the other one their test repeats what it shows with the first. */
const shortLists = leaveToLong(runner, "lists more than a page, each key once");

await suiteWith<Service>("PostgreSQL", shared(startPostgres), ({ env }) => {
  const connectionString = env.POSTGRES_URL;
  const pools = {
    "a pool": new pg.Pool({ connectionString }),
    "a pool of one connection": new pg.Pool({ connectionString, max: 1 }),
  };
  const unreachable = new pg.Pool({ host: "127.0.0.1", port: CLOSED_PORT });
  const schema = `bots-${unique()}`;
  beforeAll(() => pools["a pool"].query(`CREATE SCHEMA "${schema}"`));
  afterAll(async () => {
    await pools["a pool"].query(`DROP SCHEMA "${schema}" CASCADE`);
    for (const pool of [...Object.values(pools), unreachable]) await pool.end();
  });

  for (const [name, pool] of Object.entries(pools)) {
    const newTable = (): string => `${schema}.${unique()}`;
    blobContract(name === "a pool" ? runner : shortLists, {
      name,
      open: () => {
        const table = newTable();
        const again = new PostgresBlobs({ pool: pools["a pool"], table });
        return {
          blobs: new PostgresBlobs({ pool, table }),
          again,
          unreachable: new PostgresBlobs({ pool: unreachable }),
        };
      },
    });
    // A store knows nothing of its pool: with the other one its suites repeat what they show with the first.
    if (name !== "a pool" && !isLong) continue;
    storeSuites(name, (options) => {
      const table = newTable();
      const again = (): PostgresStore => new PostgresStore({ ...options, pool, table });
      return { blobs: new PostgresBlobs({ pool, table }), store: again(), again };
    });
  }
});

describe("PostgresBlobs", () => {
  const pool = new pg.Pool();

  it("needs a pool", () => {
    for (const none of [undefined, null, {}, "postgres://127.0.0.1/bots", new pg.Client()]) {
      expect(() => new PostgresBlobs({ pool: none as never })).toThrow("Expected `pool` to be a Pool of pg, got");
    }
  });

  it.each(["", "a.b.c", ".a", "a.", 'a"b', "a b", "a'b", "a;b", "pg_temp.a", "a".repeat(64), "ä".repeat(32), 5])(
    "refuses the table %j",
    (table) => {
      expect(() => new PostgresBlobs({ pool, table: table as string })).toThrow("Expected `table` to be");
    },
  );

  it.each([0, -1, 65_535, 65_536.5, Number.NaN, 8 * 1024 * 1024 + 1, "65536"])(
    "refuses %j for the largest value",
    (maxBlobBytes) => {
      expect(() => new PostgresBlobs({ pool, maxBlobBytes: maxBlobBytes as number })).toThrow(
        "Expected `maxBlobBytes`",
      );
    },
  );

  it("listens to a pool once, however many stores it has", () => {
    const one = new pg.Pool();
    for (let n = 0; n < 20; n++) new PostgresBlobs({ pool: one });
    expect(one.listenerCount("error")).toBe(1);
  });
});
