import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ZipArchive } from "archiver";
import { Extract } from "unzipper";
import { beforeAll, describe, expect, it } from "vitest";
import { HOW_TO_ZIP } from "../../lib/archive/errors.ts";
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

  /** What people call the programs with, in the folder above the profile `RemoteAuth-x`, `made.zip` being the zip. */
  const commands: [string, string, string[]][] = [
    ["of the folder of the profile", "zip", ["-q", "-r", "made.zip", "RemoteAuth-x"]],
    ["of ./ and the folder", "zip", ["-q", "-r", "made.zip", "./RemoteAuth-x"]],
    ["with links as links", "zip", ["-q", "-r", "-y", "made.zip", "RemoteAuth-x"]],
    ["without folders", "zip", ["-q", "-r", "-D", "made.zip", "RemoteAuth-x"]],
    ["with zip64 records", "zip", ["-q", "-fz", "-r", "made.zip", "RemoteAuth-x"]],
    ["of 7-Zip", "7z", ["a", "-tzip", "made.zip", "RemoteAuth-x"]],
    ["of 7-Zip, stored", "7z", ["a", "-tzip", "-mx=0", "made.zip", "RemoteAuth-x"]],
    ["of bsdtar, which Windows has as tar", "bsdtar", ["-a", "-c", "-f", "made.zip", "RemoteAuth-x"]],
    ["of bsdtar, below ./", "bsdtar", ["-a", "-c", "-f", "made.zip", "-C", "RemoteAuth-x", "."]],
    ["of Python", "python3", ["-m", "zipfile", "-c", "made.zip", "RemoteAuth-x"]],
  ];

  /** @returns the folder above a profile, with the links of a browser that was killed */
  function aboveProfile(): string {
    const place = mkdtempSync(join(directory, "above-"));
    for (const [path, bytes] of Object.entries(contents)) {
      mkdirSync(dirname(join(place, "RemoteAuth-x", path)), { recursive: true });
      writeFileSync(join(place, "RemoteAuth-x", path), bytes);
    }
    symlinkSync("host-27", join(place, "RemoteAuth-x", "SingletonLock"));
    return place;
  }

  // Where a machine has one of the other programs, it is tried too.
  const isToBeTried = ([, program]: readonly [string, string, ...unknown[]]): boolean =>
    program === "zip" || run(program, ["--help"]) !== undefined;

  it.for(commands.filter(isToBeTried))("are read as the profile in them: %s", async ([_, program, args], context) => {
    const place = aboveProfile();
    const result = run(program, args, place);
    if (result === undefined) return context.skip(`${program} is not installed`);
    // zip warns of a link that leads nowhere.
    if (program !== "zip" && program !== "python3" && program !== "7z") expect(result).toMatchObject({ status: 0 });
    await unzip(join(place, "made.zip"), join(place, "into"));
    expect(tree(join(place, "into"))).toEqual(treeOf(contents));
  });

  it("are read behind a program that unpacks them, also with its bytes counted", async (context) => {
    const place = aboveProfile();
    if (run("zip", ["-q", "-r", "made.zip", "RemoteAuth-x"], place) === undefined) return context.skip("no zip");
    const [zip, adjusted] = [join(place, "program.zip"), join(place, "adjusted.zip")];
    writeFileSync(
      zip,
      Buffer.concat([readFileSync(process.execPath).subarray(0, 100_000), readFileSync(join(place, "made.zip"))]),
    );
    writeFileSync(adjusted, readFileSync(zip));
    expect(run("zip", ["-q", "-A", adjusted])).toMatchObject({ status: 0 });
    for (const [index, made] of [zip, adjusted].entries()) {
      await unzip(made, join(place, String(index)));
      expect(tree(join(place, String(index)))).toEqual(treeOf(contents));
    }
  });

  const refused: [string, string, string[], RegExp][] = [
    ["with a password", "zip", ["-q", "-r", "-P", "secret", "made.zip", "RemoteAuth-x"], /is encrypted/],
    ["in parts", "zip", ["-q", "-r", "-s", "64k", "made.zip", "RemoteAuth-x"], /one part of several/],
    [
      "of 7-Zip by Deflate64",
      "7z",
      ["a", "-tzip", "-mm=Deflate64", "made.zip", "RemoteAuth-x"],
      /method 9 \(Deflate64\)/,
    ],
    ["of 7-Zip by LZMA", "7z", ["a", "-tzip", "-mm=LZMA", "made.zip", "RemoteAuth-x"], /method 14 \(LZMA\)/],
    ["of 7-Zip with AES", "7z", ["a", "-tzip", "-mem=AES256", "-psecret", "made.zip", "RemoteAuth-x"], /is encrypted/],
  ];

  it.for(refused.filter(isToBeTried))("are refused with a hint: %s", async ([_, program, args, why], context) => {
    const place = aboveProfile();
    if (run(program, args, place) === undefined) return context.skip(`${program} is not installed`);
    await expect(unzip(join(place, "made.zip"), join(place, "into"))).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringMatching(why),
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
  });
});
