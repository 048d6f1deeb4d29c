import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { unzip } from "../../lib/archive/unzip.ts";
import { zipFiles } from "../../lib/archive/zip.ts";
import { scratchFolder } from "../support/scratch.ts";
import { memoryFile } from "./support.ts";

// In `npm test`, zip-directory.test.ts reads the directories of archives of that many entries.
const directory = scratchFolder("archive-");

it("70,000 files are zipped and unpacked, all of them", async () => {
  const place = mkdtempSync(join(directory, "many-"));
  const zip = join(place, "many.zip");
  const files = Array.from({ length: 70_000 }, (_, index) =>
    memoryFile(`Default/${index % 100}/${index}`, Buffer.from(String(index))),
  );
  await zipFiles(files, zip);
  const into = join(place, "into");
  const unpacked = await unzip(zip, into);
  expect(unpacked.files.length).toBe(70_000);
  expect(unpacked.bytes).toBe(files.reduce((sum, file) => sum + file.size, 0));
  for (const index of [0, 65_534, 65_535, 65_536, 69_999]) {
    expect(readFileSync(join(into, "Default", String(index % 100), String(index)), "utf8")).toBe(String(index));
  }
});
