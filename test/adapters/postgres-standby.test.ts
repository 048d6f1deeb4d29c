import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PostgresBlobs } from "../../adapters/postgres/index.ts";
import { type OwnService, startOwnPostgres, startPostgresStandby } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { errorsOf } from "./postgres-calls.ts";

const value = Buffer.from("value");

interface Pair {
  readonly primary: OwnService;
  readonly standby: OwnService;
  readonly way: string;
  stop(): Promise<void>;
}

async function pair(): Promise<Pair> {
  const primary = await startOwnPostgres();
  const standby = await startPostgresStandby(primary);
  const stop = async (): Promise<void> => {
    await standby.stop();
    await primary.stop();
  };
  return { primary, standby, way: primary.way, stop };
}

await suiteWith("PostgreSQL with a standby", pair, ({ primary, standby }) => {
  const poolOn = ({ env }: OwnService, config: pg.PoolConfig = {}): pg.Pool =>
    new pg.Pool({ connectionString: env.POSTGRES_URL, ...config });
  const onPrimary = poolOn(primary);
  const onStandby = poolOn(standby);
  const hasty = poolOn(primary, { options: "-c synchronous_commit=local", application_name: "hasty" });
  // Its server is killed.
  onPrimary.on("error", () => {});
  beforeAll(async () => {
    await onPrimary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await onPrimary.query("SELECT pg_reload_conf()");
  });
  afterAll(async () => {
    for (const pool of [onPrimary, onStandby, hasty]) await pool.end();
  });

  it("waits until the standby has what it puts, also where commits need not wait for that", async () => {
    const blobs = new PostgresBlobs({ pool: hasty });
    await blobs.put("s/a", value);
    await standby.pause();
    let hasResolved = false;
    const put = blobs.put("s/b", value).then(() => {
      hasResolved = true;
      return "resolved";
    });
    const waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'hasty' AND wait_event = 'SyncRep'";
    const waiting = async (): Promise<string> => {
      while (!hasResolved && (await onPrimary.query(waits)).rowCount === 0);
      return "waits";
    };
    try {
      expect(await Promise.race([put, waiting()])).toBe("waits");
    } finally {
      standby.resume();
    }
    expect(await put).toBe("resolved");
  });

  it("takes no answer of a standby, which may be behind: neither a value nor an absence", async () => {
    const blobs = new PostgresBlobs({ pool: onStandby });
    for (const error of await errorsOf(blobs)) {
      expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true, hint: expect.stringContaining("primary") });
    }
    // Nor is a table absent that has not arrived yet.
    for (const error of await errorsOf(new PostgresBlobs({ pool: onStandby, table: "later" }))) {
      expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true, hint: expect.stringContaining("primary") });
    }
  });

  it("has lost nothing after a fail-over, and goes on with the pool that it has", async () => {
    const blobs = new PostgresBlobs({ pool: onStandby });
    await expect(blobs.get("s/b")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await primary.kill();
    await onStandby.query("SELECT pg_promote()");
    expect(await blobs.get("s/b")).toEqual(value);
    await blobs.put("s/c", value, { ifAbsent: true });
    expect(await blobs.get("s/d")).toBeUndefined();
  });
});
