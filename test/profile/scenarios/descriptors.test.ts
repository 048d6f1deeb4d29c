import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { countReads } from "../../torture/count-reads.ts";
import { trustFiles } from "../support/clock.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "../support/leveldb-bytes.ts";
import { BLOBS, INDEXED_DB, levelDbProfile, writeFiles } from "../support/small-profile.ts";

const TABLES = 500;
const BLOB_FILES = 200;
let root: string;
let dir: string;

beforeAll(async () => {
  root = scratchFolder("descriptors-");
  dir = join(root, "profile");
  const files = levelDbProfile();
  const added: [number, number, number][] = [];
  for (let i = 0; i < TABLES; i++) {
    const number = 100 + i;
    const table = tableBytes([{ key: `key ${i}`, sequence: i + 1, value: `value ${i}` }]);
    files[`${INDEXED_DB}/000${number}.ldb`] = table;
    added.push([1, number, table.length]);
  }
  for (let i = 0; i < BLOB_FILES; i++) files[`${BLOBS}/1/00/${i.toString(16)}`] = `blob ${i}`;
  const manifest = logBytes([editBytes({ comparator: "c", log: 999, next: 1_000, last: TABLES, added })]);
  files[`${INDEXED_DB}/MANIFEST-000001`] = manifest;
  files[`${INDEXED_DB}/000999.log`] = logBytes([batchBytes(TABLES + 1, [["k", "v"]])]);
  await writeFiles(dir, files);
});

async function expected(): Promise<{ files: number; sha256: string }> {
  const capture = await captureProfile(dir, { live: true });
  const hash = createHash("sha256");
  for (const { path, size, read } of capture.files) hash.update(path).update(await read(0, size));
  await capture.close();
  return { files: capture.files.length, sha256: hash.digest("hex") };
}

it("reads stored files from the profile instead of copying them", async () => {
  await trustFiles(dir);
  const first = await captureProfile(dir, { live: true });
  const { result: second, bytes } = await countReads(() =>
    captureProfile(dir, { live: true, stored: first.files, maxOpenFiles: 10 }),
  );
  expect(bytes).toBeLessThan(40_000);
  const [table, blob] = [`${INDEXED_DB}/000500.ldb`, `${BLOBS}/1/00/c7`].map((path) => {
    const file = second.files.find((each) => each.path === path);
    if (!file) throw new Error(`there is no ${path}`);
    return file;
  });
  expect((await blob?.read(0, blob.size))?.toString()).toBe("blob 199");
  expect(await table?.read(0, table.size)).toEqual(await readFile(join(dir, table?.path ?? "")));
  await writeFile(join(dir, blob?.path ?? ""), "blob 200");
  await expect(blob?.read(0, 8)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await writeFile(join(dir, blob?.path ?? ""), "blob 199");
  await first.close();
  await second.close();
});

describe.skipIf(process.platform === "win32")("a profile of 700 files and 256 descriptors", () => {
  it.each([0, 150, 205])("is captured whole while %i of them are in use", async (busy) => {
    const child = new URL("./descriptors.child.ts", import.meta.url).pathname;
    const command = `ulimit -n 256 && exec "$0" --import tsx "$1" "$2" ${busy}`;
    const { stdout } = await promisify(execFile)("bash", ["-c", command, process.execPath, child, dir]);
    expect(JSON.parse(stdout)).toEqual({ ...(await expected()), busy });
    expect(await readdir(root)).toEqual(["profile"]);
  });
});
