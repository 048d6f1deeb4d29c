import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readDirectory } from "../../lib/archive/zip-directory.ts";
import { methods, recordBytes } from "../../lib/archive/zip-format.ts";
import { useFolder } from "../support/folder.ts";
import { onlyLong } from "../support/length.ts";
import { craft } from "./support.ts";

const newFolder = useFolder();

// An end record counts to 65,534; from 65,535 on, the count is in the zip64 record before it.
it.each([...onlyLong({ count: 65_534, zip64: false }), { count: 65_535, zip64: true }, { count: 65_536, zip64: true }])(
  "a directory of $count entries is read to its last one (zip64: $zip64)",
  async ({ count, zip64 }) => {
    const entries = Array.from({ length: count }, (_, index) => ({
      path: `Default/${index}`,
      content: Buffer.from(String(index)),
      method: methods.stored as number,
    }));
    const bytes = craft(entries);
    const end = bytes.length - recordBytes.end;
    expect(bytes.readUInt16LE(end + 10)).toBe(zip64 ? 0xffff : count);
    if (zip64) {
      // As other programs write it: what fits into the end record is there.
      const wide = end - recordBytes.locator64 - recordBytes.end64;
      bytes.writeUInt32LE(Number(bytes.readBigUInt64LE(wide + 40)), end + 12);
      bytes.writeUInt32LE(Number(bytes.readBigUInt64LE(wide + 48)), end + 16);
    }
    const path = join(newFolder(), "many.zip");
    await writeFile(path, bytes);
    const handle = await open(path, "r");
    try {
      const { entries: found } = await readDirectory(handle, path);
      expect(found.length).toBe(count);
      for (const index of [0, 65_533, count - 1]) {
        expect(found[index]).toMatchObject({ path: `Default/${index}`, size: String(index).length });
      }
    } finally {
      await handle.close();
    }
  },
);
