import { access, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { codeOf, isMissing } from "../../lib/disk/errors.ts";
import { sizeWords } from "../terminal/words.ts";
import type { Check } from "./check.ts";

const MB = 1_000_000;
/** A profile of a browser may take so much, beside the copy that a start makes. */
const LEAST_FREE = 500 * MB;
/** Containers have 64 MB by default, of which a page of WhatsApp Web runs out. */
const LEAST_SHM = 128 * MB;
/** A browser with WhatsApp Web takes about so much. */
const LEAST_MEMORY = 700 * MB;

/** File systems of a network, by the number that Linux gives them (linux/magic.h, statfs(2)). */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x01021997, "9p"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x5346414f, "AFS"],
  [0x47504653, "GPFS"],
]);
/** Drivers in a process of their own: buckets as a folder, sshfs; and some that are as good as a disk. */
const FUSE = 0x65735546;

/** What the machine, or the container, has for a bot. */
export async function machineChecks(dataPath: string | undefined): Promise<Check[]> {
  return [
    await temporaryCheck(),
    ...(await shmChecks("/dev/shm")),
    memoryCheck(totalmem(), process.constrainedMemory?.()),
    ...(dataPath === undefined ? [] : [await dataPathCheck(dataPath)]),
  ];
}

/** The folder for temporary files, of the bot and of its browser. */
async function temporaryCheck(): Promise<Check> {
  const folder = tmpdir();
  const name = "temporary files";
  try {
    const made = await mkdtemp(join(folder, "wa-vault-"));
    try {
      await writeFile(join(made, "probe"), Buffer.alloc(64 * 1024));
    } finally {
      await rm(made, { recursive: true, force: true });
    }
  } catch (error) {
    const todo =
      "Set TMPDIR to a folder that this user may write to. In a container with a read-only root, mount one at /tmp.";
    return { level: "bad", name, found: `${folder} cannot be written to: ${codeOf(error)}`, todo };
  }
  return { name, ...freeIn(folder, await freeBytes(folder)) };
}

async function shmChecks(folder: string): Promise<Check[]> {
  const stats = await statfs(folder).catch(() => undefined);
  if (!stats) return [];
  const bytes = stats.bsize * stats.blocks;
  const found = sizeWords(bytes);
  if (bytes >= LEAST_SHM) return [{ level: "good", name: folder, found }];
  const todo =
    "A browser runs out of it. Start the container with `--shm-size=256m`, or the browser with `--disable-dev-shm-usage`.";
  return [{ level: "warning", name: folder, found, todo }];
}

/** @param limit of the container; 0, or more than the machine has, where there is none */
export function memoryCheck(total: number, limit: number | undefined): Check {
  const isLimited = limit !== undefined && limit > 0 && limit < total;
  const bytes = isLimited ? limit : total;
  const found = `${sizeWords(bytes)}${isLimited ? ", the limit of this container" : ""}`;
  if (bytes >= LEAST_MEMORY) return { level: "good", name: "memory", found };
  const todo = "A browser with WhatsApp Web takes some 700 MB: give it more. A bot on Baileys needs less.";
  return { level: "warning", name: "memory", found, todo };
}

/** The folder of local profiles: that of the bot, or where it would be made. */
async function dataPathCheck(dataPath: string): Promise<Check> {
  const name = "data path";
  const path = resolve(dataPath);
  const there = await nearestFolder(path);
  try {
    // By writing: root may do all that the mode of a folder forbids, and nothing on a read-only disk.
    await rm(await mkdtemp(join(there, ".wa-vault-")), { recursive: true });
    const stats = await statfs(there);
    const kind = fileSystemProblem(stats.type);
    if (kind) return { level: "warning", name, found: `${path} is on ${kind}`, todo: ON_NETWORK };
    return { name, ...freeIn(path, stats.bavail * stats.bsize) };
  } catch (error) {
    const todo = "Let the user of the bot write there, or give it another `dataPath`.";
    return { level: "bad", name, found: `${path} cannot be written to: ${codeOf(error)}`, todo, code: "DENIED" };
  }
}

const ON_NETWORK =
  "A browser's databases and locks need a disk of this machine. Put `dataPath` on one: the store keeps the session anyway.";

/** What is wrong with a file system for a profile; `undefined` when nothing is. */
export function fileSystemProblem(type: number): string | undefined {
  // Some platforms give the number with a sign.
  const magic = type >>> 0;
  const network = NETWORK.get(magic);
  if (network !== undefined) return `a network file system (${network})`;
  return magic === FUSE ? "a file system of a driver (FUSE), perhaps a bucket or another host" : undefined;
}

async function nearestFolder(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    return isMissing(error) && parent !== path ? await nearestFolder(parent) : path;
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function freeIn(folder: string, free: number): Omit<Check, "name"> {
  const found = `${folder}, ${sizeWords(free)} free`;
  if (free >= LEAST_FREE) return { level: "good", found };
  return { level: "warning", found, todo: "A profile of a browser may need more: free some space." };
}
