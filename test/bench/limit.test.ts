import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "vitest";
import { noTraffic, type Traffic } from "../../bench/counting-blobs.ts";
import { Limit } from "../../bench/limit.ts";
import { filesBelow } from "../../bench/tree.ts";
import { noise } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
const [TABLE, LOG, VALUES] = [
  "Default/IndexedDB/site/000003.ldb",
  "Default/IndexedDB/site/000004.log",
  "Default/Local Storage/leveldb/000005.log",
];

function put(profile: string, path: string, content: Buffer, second: number): void {
  mkdirSync(dirname(join(profile, path)), { recursive: true });
  writeFileSync(join(profile, path), content);
  utimesSync(join(profile, path), second, second);
}

test("saves the files that have changed, and restores all", async () => {
  const [folder, traffic] = [newFolder(), noTraffic()];
  const [store, profile] = [join(folder, "store"), join(folder, "profiles", "RemoteAuth-s1")];
  const limit = new Limit(store, join(folder, "profiles"), traffic);
  const cost = async (work: () => Promise<void>): Promise<Traffic> => {
    Object.assign(traffic, noTraffic());
    await work();
    return { ...traffic };
  };
  const table = noise(3_000_000);
  put(profile, TABLE, table, 1);
  put(profile, LOG, Buffer.alloc(1_000), 1);
  put(profile, VALUES, Buffer.from("values"), 1);
  put(profile, "Default/Cache/data", Buffer.alloc(10), 1);
  assert.equal((await cost(() => limit.save("s1"))).bytesSent, 3_001_006);
  put(profile, LOG, Buffer.alloc(2_000), 2);
  rmSync(join(profile, VALUES));
  assert.equal((await cost(() => limit.save("s1"))).bytesSent, 2_000);
  const compressed = await limit.compressedBytes(3);
  assert.ok(compressed > 0 && compressed < 3 * 100, `${compressed} bytes`);
  assert.equal((await cost(() => limit.save("s1"))).bytesSent, 0);
  assert.equal((await cost(() => limit.start("s1"))).bytesReceived, 0);

  const restored = new Limit(store, join(folder, "restored"), traffic);
  assert.equal((await cost(() => restored.start("s1"))).bytesReceived, 3_002_000);
  const into = join(folder, "restored", "RemoteAuth-s1");
  assert.deepEqual([...filesBelow(into).keys()].sort(), [TABLE, LOG]);
  assert.ok(readFileSync(join(into, TABLE)).equals(table));
  assert.ok(readFileSync(join(into, LOG)).equals(Buffer.alloc(2_000)));
});
