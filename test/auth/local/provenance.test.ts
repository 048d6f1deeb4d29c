import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { readMarker } from "../../../lib/auth/local/marker.ts";
import { Provenance } from "../../../lib/auth/local/provenance.ts";
import { useFolder } from "../../support/folder.ts";

const newFolder = useFolder();
const { signal } = new AbortController();
let dir: string;
let provenance: Provenance;

beforeEach(() => {
  dir = newFolder();
  provenance = new Provenance("RemoteAuth", dir);
});

/** Which file the marker is: another one after each write, because the new one is there before the old one is gone. */
async function markerFile(): Promise<bigint> {
  return (await stat(join(dir, ".wa-vault.json"), { bigint: true })).ino;
}

async function save(id: string, generation: number): Promise<bigint> {
  provenance.saved({ id, generation });
  await provenance.persist([], signal);
  return await markerFile();
}

it("writes the marker once for saves that change nothing, and again for one that does", async () => {
  const first = await save("one", 4);
  expect([await save("one", 4), await save("one", 4)]).toEqual([first, first]);
  expect(await save("two", 5)).not.toBe(first);
  expect((await readMarker(dir))?.history.at(-1)?.id).toBe("two");
});

it.each<[string, (path: string) => Promise<void>]>([
  ["is gone", (path) => rm(path)],
  ["is another one", (path) => writeFile(path, "{}")],
])("writes the marker again when it %s", async (_name, change) => {
  await save("one", 4);
  await change(join(dir, ".wa-vault.json"));
  await save("one", 4);
  expect((await readMarker(dir))?.history).toEqual([{ id: "one", generation: 4 }]);
});

it("writes the marker again after it was cleared", async () => {
  await save("one", 4);
  await provenance.clear();
  expect(await readMarker(dir)).toBeUndefined();
  await save("one", 4);
  expect((await readMarker(dir))?.history).toEqual([{ id: "one", generation: 4 }]);
});
