import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ZipArchive } from "archiver";
import { Extract } from "unzipper";
import { beforeAll, describe, expect, it } from "vitest";
import { unzip } from "../../lib/archive/unzip.ts";
import { zipFiles } from "../../lib/archive/zip.ts";
import { scratchFolder } from "../support/scratch.ts";
import { obtainTool } from "../support/services/programs.ts";
import { memoryFile, tree, treeOf } from "./support.ts";

const directory = scratchFolder("archive-");

/** A document somebody sent: a zip inside the profile, incompressible, with the marks of the format in it. */
const document: Buffer = randomBytes(200_000);
for (const [index, mark] of [0x08074b50, 0x04034b50, 0x02014b50, 0x06054b50].entries()) {
  document.writeUInt32LE(mark, 40_000 * (index + 1));
}
const contents: Record<string, Buffer> = {
  "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.blob/1/00/3": document,
  "Default/Local Storage/leveldb/CURRENT": Buffer.from("MANIFEST-000001\n"),
  "Default/Local Storage/leveldb/000003.log": Buffer.alloc(5 * 1024 * 1024, "log"),
  "Default/empty": Buffer.alloc(0),
  "Default/Ünïcødé 文字": Buffer.from("x"),
};

async function ourZip(): Promise<string> {
  const zip = join(mkdtempSync(join(directory, "zip-")), "RemoteAuth.zip");
  const files = Object.entries(contents).map(([path, bytes]) => memoryFile(path, bytes));
  await zipFiles(files, zip);
  return zip;
}

/** Runs a program. @returns undefined when it is not installed */
function run(
  program: string,
  args: readonly string[],
  cwd?: string,
): { status: number | null; out: string } | undefined {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", cwd });
  return error ? undefined : { status, out: `${stdout}${stderr}` };
}

beforeAll(async () => {
  for (const tool of ["zip", "unzip"]) await obtainTool(tool);
}, 600_000);

describe("our zips", () => {
  it("are read by a program that knows nothing of us", async (context) => {
    const zip = await ourZip();
    const verdicts = [run("unzip", ["-t", zip]), run("python3", ["-m", "zipfile", "-t", zip])];
    const installed = verdicts.filter((verdict) => verdict !== undefined);
    if (installed.length === 0 && process.env.CI !== "true") {
      return context.skip("neither unzip nor python3 is installed: apt-get install unzip");
    }
    expect(installed.length).toBeGreaterThan(0);
    for (const { status, out } of installed) expect({ status, out }).toMatchObject({ status: 0 });
  });

  it("are read by unzipper's stream reader, as the RemoteAuth of whatsapp-web.js reads them", async () => {
    const into = mkdtempSync(join(directory, "stream-"));
    await createReadStream(await ourZip())
      .pipe(Extract({ path: into, concurrency: 10 }))
      .promise();
    expect(tree(into)).toEqual(treeOf(contents));
  });

  // The sizes must stand before the data: a reader that looks for the mark after it finds the document's own.
  it("say no sizes after the data", async () => {
    const zip = readFileSync(await ourZip());
    expect(zip.readUInt32LE(0)).toBe(0x04034b50);
    expect(zip.readUInt16LE(6) & 0x0008).toBe(0);
    expect(zip.readUInt32LE(18)).toBeGreaterThan(document.length);
  });

  it.each(["whatsapp-web.js", "wwebjs-1.34.6", "wwebjs-1.34.4"])(
    "are unpacked by the RemoteAuth of %s",
    async (name) => {
      const { RemoteAuth } = createRequire(import.meta.url)(name) as { RemoteAuth: ShippedRemoteAuth };
      const dataPath = mkdtempSync(join(directory, "shipped-"));
      const strategy = new RemoteAuth({ store: {}, backupSyncIntervalMs: 60_000, dataPath });
      strategy.userDataDir = join(dataPath, "RemoteAuth");
      const zip = join(dataPath, "RemoteAuth.zip");
      writeFileSync(zip, readFileSync(await ourZip()));
      await strategy.unCompressSession(zip);
      // It resolves before the last file is on disk.
      await expect.poll(() => tree(strategy.userDataDir), { timeout: 120_000 }).toEqual(treeOf(contents));
    },
  );
});

type ShippedRemoteAuth = new (
  options: object,
) => { userDataDir: string; unCompressSession(path: string): Promise<void> };

describe("zips of others", () => {
  it.each([
    ["as whatsapp-web.js writes them", {}],
    ["with zip64 everywhere", { forceZip64: true }],
    ["stored", { store: true }],
  ])("are read: archiver's, %s", async (_name, options) => {
    const zip = join(mkdtempSync(join(directory, "archiver-")), "RemoteAuth.zip");
    const archive = new ZipArchive(options);
    const written = pipeline(archive, createWriteStream(zip));
    for (const [name, bytes] of Object.entries(contents)) archive.append(Readable.from([bytes]), { name });
    archive.append(Buffer.alloc(0), { name: "Default/directory/" });
    await archive.finalize();
    await written;
    const into = mkdtempSync(join(directory, "into-"));
    await unzip(zip, into);
    expect(tree(into)).toEqual(treeOf(contents));
  });

  it("are read: those of programs that know nothing of us", async (context) => {
    const place = mkdtempSync(join(directory, "program-"));
    for (const [path, bytes] of Object.entries(contents)) {
      mkdirSync(dirname(join(place, path)), { recursive: true });
      writeFileSync(join(place, path), bytes);
    }
    const made = {
      "info-zip.zip": run("zip", ["-q", "-r", "info-zip.zip", "Default"], place),
      "python.zip": run("python3", ["-m", "zipfile", "-c", "python.zip", "Default"], place),
    };
    const zips = Object.entries(made).filter(([, result]) => result !== undefined);
    if (zips.length === 0 && process.env.CI !== "true") {
      return context.skip("neither zip nor python3 is installed: apt-get install zip");
    }
    expect(zips.length).toBeGreaterThan(0);
    for (const [zip, result] of zips) {
      expect(result).toMatchObject({ status: 0 });
      const into = mkdtempSync(join(directory, "into-"));
      await unzip(join(place, zip), into);
      expect(tree(into), zip).toEqual(treeOf(contents));
    }
  });
});
