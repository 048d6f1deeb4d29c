import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isVaultError } from "../../../lib/errors.ts";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { verifyProfile } from "../../../lib/profile/verify.ts";
import type { Capture } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { suiteWith } from "../../support/services/suite.ts";
import { writeCapture } from "../../torture/restore.ts";
import { seeded } from "../support/random.ts";
import { SQLITE_DB } from "../support/small-profile.ts";
import { findSqlite, type SqliteEngine } from "../support/sqlite-engine.ts";

// SQLite in a process of its own writes two databases as fast as it can: transactions larger than its cache, some of
// them rolled back, checkpoints of every kind, pages returned by vacuum. SQLite must find every capture taken meanwhile
// whole.

const CAPTURES = times(3, 10);
const LOCAL_STORAGE = "Default/LocalStorage";
const ROWS = 60;

const setUp = (localStorage: string, pageSize: number, vacuum: string): string => `
  PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = ${vacuum};
  PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = 12; PRAGMA cache_spill = 1;
  ATTACH '${localStorage}' AS ls;
  PRAGMA ls.journal_mode = WAL; PRAGMA ls.synchronous = OFF;
  CREATE TABLE done (n INTEGER PRIMARY KEY); CREATE TABLE ls.done (n INTEGER PRIMARY KEY, pad);
  CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER, pad); CREATE TABLE b (id INTEGER PRIMARY KEY, v INTEGER, pad);
  CREATE INDEX byPad ON a (pad);
  WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ${ROWS}) INSERT INTO a SELECT n, 0, '' FROM i;
  INSERT INTO b SELECT id, 0, '' FROM a;
`;

/**
 * Transactions that move amounts between two tables; each says its number in both databases, in the first one first.
 */
class Workload {
  readonly #random: () => number;
  #n = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  next(): string {
    let sql = "";
    for (let i = 0; i < 10; i++) sql += this.#transaction();
    return `${sql}SELECT 'n=${this.#n}';\n`;
  }

  #transaction(): string {
    const moves = this.#below(20) === 0 ? 60 : 1 + this.#below(8);
    let sql = "BEGIN;";
    for (let i = 0; i < moves; i++) {
      const pad = this.#below(10) === 0 ? "''" : `randomblob(${this.#below(3_000)})`;
      sql += `UPDATE a SET v = v + ${i}, pad = ${pad} WHERE id = ${1 + this.#below(ROWS)};`;
      sql += `UPDATE b SET v = v - ${i}, pad = ${pad} WHERE id = ${1 + this.#below(ROWS)};`;
    }
    if (this.#below(5) === 0) return `${sql}ROLLBACK;\n`;
    this.#n++;
    sql += `INSERT INTO done VALUES (${this.#n}); COMMIT; INSERT INTO ls.done VALUES (${this.#n}, randomblob(300));`;
    if (this.#below(15) === 0) sql += "PRAGMA main.incremental_vacuum(50);";
    const kind = ["PASSIVE", "RESTART", "TRUNCATE"][this.#below(3)];
    if (this.#below(12) === 0) sql += `PRAGMA ${this.#below(2) === 0 ? "main" : "ls"}.wal_checkpoint(${kind});`;
    return `${sql}\n`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

await suiteWith("captures of databases that SQLite writes", findSqlite, (sqlite) => {
  const newFolder = useFolder();
  let root: string;
  let dir: string;

  beforeEach(async () => {
    root = newFolder();
    dir = join(root, "profile");
    await mkdir(join(dir, dirname(SQLITE_DB)), { recursive: true });
  });

  afterEach(() => sqlite.stop());

  it.each([
    { seed: 1, pageSize: 4_096, vacuum: "NONE" },
    { seed: 2, pageSize: 1_024, vacuum: "INCREMENTAL" },
    { seed: 3, pageSize: 512, vacuum: "FULL" },
  ])(
    "are whole and of one moment (pages of $pageSize bytes, auto_vacuum $vacuum)",
    async ({ seed, pageSize, vacuum }) => {
      const writer = sqlite.open(join(dir, SQLITE_DB));
      const workload = new Workload(seed);
      let isSetUp = false;
      const feeding = writer.feed(() => {
        if (isSetUp) return workload.next();
        isSetUp = true;
        return setUp(join(dir, LOCAL_STORAGE), pageSize, vacuum);
      });
      await writer.answered();
      expect(writer.errors).toBe("");
      for (let i = 0; i < CAPTURES; i++) {
        const committed = writer.number;
        const into = join(root, `capture-${i}`);
        const capture = await captureWithRetries(dir);
        try {
          await writeCapture(capture, into);
        } finally {
          await capture.close();
        }
        expect((await verifyProfile(into)).problems).toEqual([]);
        const [n, other] = [await judge(sqlite, into, SQLITE_DB), await judge(sqlite, into, LOCAL_STORAGE)];
        expect(n).toBeGreaterThanOrEqual(committed);
        if (capture.spreadMs === 0) expect([0, 1]).toContain(n - other);
        await rm(into, { recursive: true });
        await writer.answered();
      }
      expect(writer.errors).toBe("");
      await writer.stop();
      await feeding;
    },
  );
});

/** No browser checkpoints as often as this workload: on a busy machine 20 attempts may find no consistent moment. */
async function captureWithRetries(dir: string): Promise<Capture> {
  for (;;) {
    try {
      return await captureProfile(dir, { live: true });
    } catch (error) {
      if (!isVaultError(error, "UNAVAILABLE")) throw error;
    }
  }
}

/** Asserts that SQLite finds a captured database whole with all transactions; returns the number of the last one. */
async function judge(sqlite: SqliteEngine, dir: string, path: string): Promise<number> {
  const sum = path === LOCAL_STORAGE ? "0" : "(SELECT sum(v) FROM a) + (SELECT sum(v) FROM b)";
  const sql = `PRAGMA integrity_check; SELECT ${sum}; SELECT count(*) FROM done; SELECT max(n) FROM done;`;
  const [check, total, count, newest] = await sqlite.ask(join(dir, path), sql);
  expect([check, total, count]).toEqual(["ok", "0", newest]);
  return Number(newest);
}
