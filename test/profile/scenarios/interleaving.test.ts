import { appendFileSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { decodeBatch } from "../../../lib/profile/leveldb/format.ts";
import { scanLog } from "../../../lib/profile/leveldb/log.ts";
import { readTable } from "../../../lib/profile/leveldb/table.ts";
import { openPages } from "../../../lib/profile/sqlite/pages.ts";
import { scanWal } from "../../../lib/profile/sqlite/wal.ts";
import type { Capture, CaptureFile } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { interleave } from "../support/interleave.ts";
import { LevelDbWriter } from "../support/leveldb-writer.ts";
import { seeded } from "../support/random.ts";
import {
  BLOBS,
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SQLITE_DB,
  writeFiles,
  youngLevelDb,
} from "../support/small-profile.ts";
import { RollbackWriter, SqliteWriter } from "../support/sqlite-writer.ts";
import { verifyCapture } from "../support/verify-capture.ts";

// A writer takes a step whenever the capture waits for the disk, in an order that a seed decides: every capture must
// hold the state that all databases were in at one moment since it began.

const SEEDS = Array.from({ length: times(6, 30) }, (_, i) => i + 1);
/** With a clock that ticks this rarely, two writes have the same timestamps. */
const TICK_MS = 1_000;
/** Seeds with transactions that reach the log before they commit, and are then rolled back or overwritten. */
const SPILLS = [109, 174, 177, 182];
const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

/** The highest sequence number in a captured LevelDB; asserts that none is missing. */
async function sequenceOf(capture: Capture, path: string): Promise<number> {
  const found = new Set<number>();
  for (const file of capture.files.filter((each) => each.path.startsWith(`${path}/`))) {
    if (file.path.endsWith(".log")) {
      scanLog(await file.read(0, file.size), (data) => found.add(decodeBatch(data).sequence));
    } else if (file.path.endsWith(".ldb")) {
      await readTable(file, (key) => {
        found.add(Number(key.readBigUInt64LE(key.length - 8) >> 8n));
        return true;
      });
    }
  }
  const highest = Math.max(0, ...found);
  expect(found.size, `sequences up to ${highest}`).toBe(highest);
  return highest;
}

/** The commit that wrote each page of a captured SQLite database; asserts that no page is torn. */
async function stateOf(capture: Capture, path: string): Promise<number[]> {
  const file = (name: string): CaptureFile | undefined => capture.files.find((each) => each.path === name);
  const [database, wal] = [file(path), file(`${path}-wal`)];
  const pages = database && (await openPages(database, wal, wal && (await scanWal(wal))));
  if (typeof pages !== "object") throw new Error(String(pages));
  const state: number[] = [];
  for (let number = 4; number <= pages.count; number++) {
    const page = await pages.page(number);
    const commit = page.readUInt32BE(0);
    for (let at = 0; at < page.length; at += 4) expect(page.readUInt32BE(at), `page ${number}`).toBe(commit);
    state.push(commit);
  }
  return state;
}

describe("a capture while the databases are written", () => {
  it.each(SEEDS)("holds two LevelDBs of one moment (seed %i)", async (seed) => {
    const random = seeded(seed);
    const writers = [INDEXED_DB, LOCAL_STORAGE].map((path) => new LevelDbWriter(join(dir, path), random));
    const step = (): void => writers[random() < 0.7 ? 0 : 1]?.step();
    for (let i = 0; i < 300; i++) step();
    const moments = new Set<string>();
    const note = (): unknown => moments.add(writers.map(({ sequence }) => sequence).join());
    note();
    const busy = 1 + Math.floor(random() * 3);
    const capture = await interleave(
      () => {
        if (random() < 0.3) return;
        for (let i = 0; i < busy; i++) {
          step();
          note();
        }
      },
      () => captureProfile(dir, { live: true, maxOpenFiles: seed % 3 === 0 ? 2 : 100 }),
    );
    try {
      expect((await verifyCapture(capture)).problems).toEqual([]);
      const found = [await sequenceOf(capture, INDEXED_DB), await sequenceOf(capture, LOCAL_STORAGE)];
      if (capture.spreadMs === 0) expect([...moments]).toContain(found.join());
    } finally {
      await capture.close();
    }
  });

  it.each([...SEEDS, ...SEEDS.map((seed) => -seed)])("holds every blob file that it needs (seed %i)", async (seed) => {
    const random = seeded(2_000 + seed);
    // Without a moment at which nothing was written.
    const restless = seed < 0;
    const most = restless ? 30 : 3;
    await writeFiles(dir, youngLevelDb([]), LOCAL_STORAGE);
    const writer = new LevelDbWriter(join(dir, INDEXED_DB), random);
    const blob = (number: number): string => `${BLOBS}/1/00/${number.toString(16)}`;
    mkdirSync(join(dir, BLOBS, "1/00"), { recursive: true });
    let next = 1;
    let needed: number[] = [];
    const neededAt = new Map<number, number[]>([[0, []]]);
    /** Writes a blob, commits that it takes the place of another, deletes that. */
    const replace = (): void => {
      const number = next++;
      const path = join(dir, blob(number));
      const gone = needed.length === most ? needed[Math.floor(random() * most)] : undefined;
      writer.transact(
        [() => writeFileSync(path, "half"), () => appendFileSync(path, ` and half of ${number}`)],
        [
          () => {
            needed = [...needed.filter((each) => each !== gone), number];
            neededAt.set(writer.sequence, needed);
          },
          ...(gone === undefined ? [] : [() => unlinkSync(join(dir, blob(gone)))]),
        ],
      );
    };
    const step = (): void => {
      if (writer.isIdle && random() < 0.3) replace();
      writer.step();
    };
    const append = (): void => {
      if (writer.isIdle && random() < 0.1) replace();
      writer.append();
    };
    for (let i = 0; i < 400; i++) step();
    const capture = await interleave(
      () => {
        for (let i = Math.floor(random() * (restless ? 1.2 : 3)); i > 0; i--) step();
      },
      () => captureProfile(dir, { live: true, maxOpenFiles: seed % 2 === 0 ? 2 : 100 }),
      restless ? { restless: () => [append(), append(), append()] } : {},
    );
    try {
      const sequence = await sequenceOf(capture, INDEXED_DB);
      const at = Math.max(...[...neededAt.keys()].filter((each) => each <= sequence));
      expect(capture.spreadMs > 0).toBe(restless);
      for (const number of neededAt.get(at) ?? []) {
        const file = capture.files.find(({ path }) => path === blob(number));
        expect((await file?.read(0, file.size))?.toString()).toBe(`half and half of ${number}`);
      }
    } finally {
      await capture.close();
    }
  });

  it.each([...SEEDS, ...SPILLS])("holds two SQLite databases of one moment (seed %i)", async (seed) => {
    const random = seeded(1_000 + seed);
    const paths = [SQLITE_DB, "Default/LocalStorage"];
    const writers = paths.map((path) => new SqliteWriter(join(dir, path), random));
    const step = (): void => writers[random() < 0.6 ? 0 : 1]?.step();
    for (let i = 0; i < 200; i++) step();
    const moments = new Set<string>();
    const note = (): unknown => moments.add(writers.map(({ states }) => JSON.stringify(states.at(-1))).join());
    note();
    const share = 0.1 + random() * 0.5;
    const capture = await interleave(
      () => {
        if (random() > share) return;
        // Now and then enough at once for a checkpoint and a new round of the log.
        for (let i = random() < 0.1 ? 60 : 1; i > 0; i--) {
          step();
          note();
        }
      },
      () => captureProfile(dir, { live: true }),
    );
    try {
      expect((await verifyCapture(capture)).problems).toEqual([]);
      const found: string[] = [];
      for (const path of paths) found.push(JSON.stringify(await stateOf(capture, path)));
      expect([...moments]).toContain(found.join());
    } finally {
      await capture.close();
    }
  });

  it.each(SEEDS)("holds a SQLite database with a rollback journal as of one commit (seed %i)", async (seed) => {
    const random = seeded(3_000 + seed);
    const path = join(dir, SQLITE_DB);
    const writer = new RollbackWriter(path, random);
    for (let round = 0; round < times(4, 10); round++) {
      let left = 40;
      const capture = await interleave(
        () => {
          if (left-- > 0 ? random() < 0.7 : writer.isBusy) writer.step();
        },
        () => captureProfile(dir, { live: true }),
        { tickMs: TICK_MS },
      );
      try {
        expect((await verifyCapture(capture)).problems).toEqual([]);
        expect(new Set(await stateOf(capture, SQLITE_DB)).size).toBe(1);
        expect(capture.files.map((file) => file.path)).toEqual([SQLITE_DB]);
      } finally {
        await capture.close();
      }
    }
  });

  it("holds all of a blob file that was being written when it began", async () => {
    await writeFiles(dir, levelDbProfile());
    const blob = join(dir, BLOBS, "1/00/2");
    let steps = 0;
    const count = await interleave(
      () => steps++,
      () => captureProfile(dir, { live: true }),
    );
    await count.close();
    // What it is written for is committed after it is whole: at the latest when the logs are looked at.
    for (let when = 0; when < steps / 2; when++) {
      writeFileSync(blob, "half");
      let step = 0;
      const capture = await interleave(
        () => {
          if (step++ === when) appendFileSync(blob, " and half");
        },
        () => captureProfile(dir, { live: true }),
      );
      const file = capture.files.find(({ path }) => path.startsWith(BLOBS));
      expect((await file?.read(0, file.size))?.toString(), `step ${when} of ${steps}`).toBe("half and half");
      await capture.close();
    }
  });
});
