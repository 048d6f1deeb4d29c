import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readDirectory } from "../../lib/archive/zip-directory.ts";
import { methods } from "../../lib/archive/zip-format.ts";
import { useFolder } from "../support/folder.ts";
import { craft } from "./support.ts";

const newFolder = useFolder();

// An end record counts to 65,534; from 65,535 on, the count is in the zip64 record before it.
it.each([
  { count: 65_534, zip64: false },
  { count: 65_535, zip64: true },
  { count: 65_536, zip64: true },
])("a directory of $count entries is read to its last one (zip64: $zip64)", async ({ count, zip64 }) => {
  const entries = Array.from({ length: count }, (_, index) => ({
    path: `Default/${index}`,
    content: Buffer.from(String(index)),
    method: methods.stored as number,
  }));
  const bytes = craft(entries);
  expect(bytes.readUInt16LE(bytes.length - 12)).toBe(zip64 ? 0xffff : count);
  const path = join(newFolder(), "many.zip");
  await writeFile(path, bytes);
  const handle = await open(path, "r");
  try {
    const found = await readDirectory(handle);
    expect(found.length).toBe(count);
    for (const index of [0, 65_533, count - 1]) {
      expect(found[index]).toMatchObject({ path: `Default/${index}`, size: String(index).length });
    }
  } finally {
    await handle.close();
  }
});
