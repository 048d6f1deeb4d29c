import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readMultiFile } from "../../../lib/baileys/multi-file/read-directory.ts";
import { useFolder } from "../../support/folder.ts";
import { filesIn, multiFileOf } from "../support/multi-file.ts";
import { sampleState } from "../support/sample-state.ts";

const newFolder = useFolder();

/** A directory of Baileys, and the text of its credentials. */
async function directoryOf(): Promise<{
  directory: string;
  creds: string;
  put: (name: string, text: string | Buffer) => Promise<void>;
}> {
  const directory = await multiFileOf(sampleState(3), join(newFolder(), "auth"));
  const creds = await readFile(join(directory, "creds.json"), "utf8");
  return { directory, creds, put: (name, text) => writeFile(join(directory, name), text) };
}

describe("a directory of `useMultiFileAuthState`", () => {
  it("K6: has the ids that Baileys has given to its files; strangers are listed", async () => {
    const { directory, put } = await directoryOf();
    const strangers = [".DS_Store", "creds.json.bak", "pre-key-1 (1).json", "pre-key-1.json.tmp"];
    for (const name of strangers) await put(name, "{}");
    await mkdir(join(directory, "media"));
    const { records, skipped, warnings } = await readMultiFile(directory);
    const found = records.map(({ type, id }) => `${type} ${id}`).sort();
    const { records: written } = sampleState(3);
    const ids = Object.entries(written).flatMap(([type, values = {}]) =>
      Object.keys(values).map((id) => `${type} ${id}`),
    );
    expect(found).toEqual(ids.sort());
    expect(skipped).toEqual([...strangers, "media/"].sort());
    expect(warnings).toEqual([]);
  });

  it("warns of what may be more than a stranger", async () => {
    const { directory, put } = await directoryOf();
    await put("session-1.0.json.bak", "{}");
    await put("other-family-1.json", "{}");
    await put("pre-key-9.json", "null");
    const { skipped, warnings, records } = await readMultiFile(directory);
    expect(skipped).toEqual(["other-family-1.json", "pre-key-9.json", "session-1.0.json.bak"]);
    expect(records.some(({ id }) => id === "9")).toBe(false);
    expect(warnings).toEqual([
      expect.stringMatching(/session-1\.0\.json\.bak is there, and the file .* is not/),
      expect.stringMatching(/Not known .*: other-family-1\.json in /),
    ]);
  });

  it.each<[string, (creds: string) => string | Buffer]>([
    ["0 bytes", () => ""],
    ["NUL bytes only", () => Buffer.alloc(1700)],
    ["blanks", () => " \n\t"],
    ["null", () => "null"],
    ["cut JSON", () => "{x"],
    ["half of it", (creds) => creds.slice(0, creds.length / 2)],
    ["the tail of an older one behind it", (creds) => `${creds}d":"x"}`],
    ["an empty object", () => "{}"],
    ["a list", () => "[]"],
    ["a number", () => "5"],
    ["text", () => '"x"'],
    ["bytes that are no UTF-8", (creds) => Buffer.concat([Buffer.from(creds), Buffer.of(0xff)])],
    [
      "no private noise key",
      (creds) => JSON.stringify({ ...JSON.parse(creds), noiseKey: { public: { type: "Buffer", data: "AQ==" } } }),
    ],
  ])("K1: with %s as creds.json is CORRUPT, and stays as it is", async (_, spoil) => {
    const { directory, creds, put } = await directoryOf();
    await put("creds.json", spoil(creds));
    const before = await filesIn(directory);
    await expect(readMultiFile(directory)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(join(directory, "creds.json")),
    });
    expect(await filesIn(directory)).toEqual(before);
  });

  it("K1: without creds.json is CORRUPT, also when there is only a copy of it", async () => {
    const { directory, creds, put } = await directoryOf();
    await rm(join(directory, "creds.json"));
    await expect(readMultiFile(directory)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/creds\.json: it is not there, and \d+ files of records are/),
      hint: expect.stringContaining("linked anew"),
    });
    await put("creds.json.bak", creds);
    const copy = { code: "CORRUPT", hint: expect.stringContaining("creds.json.bak") };
    await expect(readMultiFile(directory)).rejects.toMatchObject(copy);
    const other = newFolder();
    await writeFile(join(other, "creds.json.tmp"), creds);
    await expect(readMultiFile(other)).rejects.toMatchObject({
      ...copy,
      hint: expect.stringContaining("creds.json.tmp"),
    });
  });

  it("K1: names the copies of a damaged file, and never reads one", async () => {
    const { directory, creds, put } = await directoryOf();
    for (const name of ["creds.json.bak", "creds (1).json", "creds - Copy.json", "credsx.json"]) await put(name, creds);
    await put("creds.json", "");
    const error = await readMultiFile(directory).catch((reason) => reason);
    expect(error).toMatchObject({
      code: "CORRUPT",
      hint: expect.stringMatching(/creds \(1\)\.json, creds - Copy\.json, creds\.json\.bak\./),
    });
    expect(error.hint).not.toContain("credsx");
  });

  it("with a damaged record is CORRUPT and names the file; its content is not in the error", async () => {
    const { directory, put } = await directoryOf();
    await put("session-5511888.0.json", '{"secret": sec');
    const error = await readMultiFile(directory).catch((reason) => reason);
    expect(error).toMatchObject({ code: "CORRUPT", message: expect.stringContaining("session-5511888.0.json") });
    expect(error.cause).toBeUndefined();
    await put("session-5511888.0.json", "");
    await expect(readMultiFile(directory)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it.each<[string, (creds: string) => Buffer, string]>([
    ["a byte order mark", (creds) => Buffer.from(`\ufeff${creds}`), "begins with a byte order mark"],
    ["NUL bytes behind it", (creds) => Buffer.from(`${creds}\0\0\0`), "ends with NUL bytes"],
    ["both", (creds) => Buffer.from(`\ufeff${creds}\0`), "begins with a byte order mark and ends with NUL bytes"],
  ])("is read with %s, and a warning", async (_, change, warning) => {
    const { directory, creds, put } = await directoryOf();
    const { creds: before } = await readMultiFile(directory);
    await put("creds.json", change(creds));
    const content = await readMultiFile(directory);
    expect(content.creds).toEqual(before);
    expect(content.warnings).toEqual([expect.stringContaining(`creds.json ${warning}`)]);
  });

  it("is told from an absent or empty one, and from a file", async () => {
    const folder = newFolder();
    await expect(readMultiFile(join(folder, "none"))).rejects.toMatchObject({ code: "ABSENT" });
    await expect(readMultiFile(folder)).rejects.toMatchObject({ code: "ABSENT" });
    await writeFile(join(folder, "file"), "{}");
    await expect(readMultiFile(join(folder, "file"))).rejects.toMatchObject({ code: "INVALID" });
  });
});
