import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { PostgresStore } from "../../adapters/postgres/index.ts";
import { RedisStore } from "../../adapters/redis/index.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { captureOf, type Files, linkedProfileFiles, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { cacheDirectory } from "../support/services/cache.ts";
import { freePort, startOwnRedis, startPostgres } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { ended, placeCode, root } from "./example.ts";

const folder = useFolder();
const page = readFileSync(join(root, "docs/backups.md"), "utf8");
const session = "RemoteAuth-support";

/** The code of a drill, as docs/backups.md has it. */
function drill(name: string): string {
  const [, code = ""] = new RegExp(`<!-- drill: ${name} -->\n\`\`\`\\w+\n(.*?)\`\`\``, "s").exec(page) ?? [];
  expect(code, name).not.toBe("");
  return code;
}

function run(name: string, env: Record<string, string>): void {
  const path = [process.env.PATH, cacheDirectory()].join(delimiter);
  execFileSync("sh", ["-eu", "-c", drill(name)], { env: { ...process.env, PATH: path, ...env }, stdio: "pipe" });
}

/** Saves a session; its process stays, as one does whose store is backed up meanwhile. */
async function save(store: Vault, value: string | Files): Promise<void> {
  const files = typeof value === "string" ? profileFiles(value) : value;
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(files) });
  await lease.release();
}

/** The id of the session's current generation, which verifies. */
async function restored(store: Vault): Promise<string> {
  return (await store.restoreProfile({ session, into: join(folder(), "into") })).id;
}

describe("the drills of docs/backups.md", () => {
  it("bring back a directory", async () => {
    const env = { SESSIONS: join(folder(), "sessions"), BACKUP: folder() };
    const open = (): Vault => new FileStore({ directory: env.SESSIONS });
    await save(open(), "kept");
    const before = await restored(open());
    run("directory backup", env);
    rmSync(env.SESSIONS, { recursive: true });
    run("directory restore", env);
    expect(await restored(open())).toBe(before);
  });

  it("copy each session of any store, and nothing twice", async () => {
    const [sessions, backup, cwd] = [folder(), join(folder(), "backup"), folder()];
    const store = new FileStore({ directory: sessions });
    await save(store, linkedProfileFiles("5511988887777"));
    const begin = `const store = new FileStore({ directory: ${JSON.stringify(sessions)} });\n`;
    const [imports = "", ...code] = drill("copy").replace("/mnt/backup", backup).split("\n\n");
    const script = placeCode(cwd, "backup", [imports, begin + code.join("\n\n")].join("\n\n"));
    const key = { BACKUP_KEY: createHash("sha256").update("backup").digest("base64") };
    expect(await ended(script, cwd, [], key)).toMatch(new RegExp(`^${session} \\d+ bytes\n$`));
    expect(await ended(script, cwd, [], key)).toBe(`${session} unchanged\n`);
    // The bot is linked with another number: the backups go on.
    await save(store, linkedProfileFiles("491701234567"));
    expect(await ended(script, cwd, [], key)).toMatch(new RegExp(`^${session} \\d+ bytes\n$`));
    await restored(new FileStore({ directory: backup, encryption: { key: key.BACKUP_KEY } }));
  });
});

await suiteWith(
  "the drills of docs/backups.md, PostgreSQL",
  shared(startPostgres),
  ({ env: { POSTGRES_URL = "" } }) => {
    it("bring back the table", async () => {
      // The drill has the default name of the table, which is in a database of its own here.
      const database = `drill_${process.pid}`;
      const admin = new Pool({ connectionString: POSTGRES_URL });
      await admin.query(`CREATE DATABASE ${database}`);
      const url = new URL(POSTGRES_URL);
      url.pathname = `/${database}`;
      const pool = new Pool({ connectionString: url.href });
      try {
        const env = { POSTGRES_URL: url.href, BACKUP: folder() };
        await save(new PostgresStore({ pool }), "kept");
        const before = await restored(new PostgresStore({ pool }));
        run("postgres backup", env);
        await pool.query("DROP TABLE wa_vault");
        run("postgres restore", env);
        expect(await restored(new PostgresStore({ pool }))).toBe(before);
      } finally {
        await pool.end();
        await admin.query(`DROP DATABASE ${database}`);
        await admin.end();
      }
    });
  },
);

await suiteWith("the drills of docs/backups.md, Redis", startOwnRedis, ({ env: { REDIS_URL = "" } }) => {
  it("bring back the data into a new server, which keeps them in its append-only file", async () => {
    const port = String(await freePort());
    const env = { REDIS_URL, BACKUP: folder(), REDIS_DIR: join(folder(), "redis"), REDIS_PORT: port };
    mkdirSync(env.REDIS_DIR);
    const client = new Redis(REDIS_URL);
    await save(new RedisStore({ client }), "kept");
    const before = await restored(new RedisStore({ client }));
    client.disconnect();
    run("redis backup", env);
    run("redis restore", env);
    const again = new Redis(Number(port), "127.0.0.1");
    try {
      expect(await restored(new RedisStore({ client: again }))).toBe(before);
      expect(await again.config("GET", "appendonly")).toEqual(["appendonly", "yes"]);
    } finally {
      again.disconnect();
      execFileSync("redis-cli", ["-p", port, "SHUTDOWN", "NOSAVE"], { stdio: "pipe" });
    }
  });
});
