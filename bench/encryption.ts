// npx tsx bench/encryption.ts: what encryption costs, as a ratio of the same saves and restores without it, in one run.
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FileStore } from "../adapters/fs/index.ts";
import { fileSources } from "../lib/disk/file-source.ts";
import type { Capture } from "../lib/store.ts";
import type { Encryption } from "../lib/vault/encryption.ts";
import { noise, profileFiles } from "../test/contract/profile.ts";

const MB = 1_000_000;
const ROUNDS = 5;
const session = "RemoteAuth-bench";

/** CPU time of this process, all threads, and the time on the wall, in milliseconds. */
interface Cost {
  cpuMs: number;
  wallMs: number;
}

/** A profile of 100 MB: tables of text and of thumbnails, and a database that changes in place. */
async function makeProfile(directory: string): Promise<void> {
  const files: Record<string, Buffer> = { ...profileFiles("bench"), "Default/database": noise(10 * MB, 1) };
  for (let table = 0; table < 45; table++)
    files[`Default/tables/${table}.ldb`] = table % 2 === 0 ? text() : noise(2 * MB, table);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

/** Text as Chromium leaves it in a table: compressed once, so that little more can be saved. */
function text(): Buffer {
  const bytes = noise(2 * MB, 7);
  for (let at = 0; at < bytes.length; at += 4) bytes[at] = 0x20 + ((bytes[at] ?? 0) & 0x0f);
  return bytes;
}

async function measured(work: () => Promise<unknown>): Promise<Cost> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - wall };
}

async function round(
  parent: string,
  profile: string,
  encryption: Encryption | undefined,
): Promise<Record<string, Cost>> {
  const directory = await mkdtemp(join(parent, "store-"));
  const store = new FileStore({ directory, encryption });
  const lease = await store.acquire({ session });
  const files = (await fileSources(profile)).map((file) => {
    const change = file.path.endsWith("database") ? ("anywhere" as const) : ("never" as const);
    return { ...file, change };
  });
  const capture: Capture = {
    files,
    profile: { localStorage: "leveldb" },
    live: false,
    takenAt: new Date(),
    captureMs: 0,
    spreadMs: 0,
    close: async () => {},
  };
  const into = join(directory, "..", "restored");
  const save = await measured(() => store.saveProfile({ session, lease, capture }));
  const restore = await measured(() => store.restoreProfile({ session, into }));
  await lease.release();
  await rm(directory, { recursive: true });
  await rm(into, { recursive: true });
  return { save, restore };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

const parent = await mkdtemp(join(tmpdir(), "wa-vault-bench-"));
try {
  const profile = join(parent, "profile");
  await makeProfile(profile);
  const ways: Record<string, Encryption | undefined> = { plain: undefined, encrypted: { key: randomBytes(32) } };
  const costs: Record<string, Cost[]> = {};
  // The first round is not counted.
  for (let n = 0; n <= ROUNDS; n++) {
    for (const [way, encryption] of Object.entries(ways)) {
      for (const [what, cost] of Object.entries(await round(parent, profile, encryption))) {
        if (n > 0) costs[`${what} ${way}`] = [...(costs[`${what} ${way}`] ?? []), cost];
      }
    }
  }
  for (const what of ["save", "restore"]) {
    for (const unit of ["cpuMs", "wallMs"] as const) {
      const of = (way: string): number => median((costs[`${what} ${way}`] ?? []).map((cost) => cost[unit]));
      const [plain, encrypted] = [of("plain"), of("encrypted")];
      const ratio = (encrypted / plain).toFixed(2);
      console.log(`${what}, ${unit}: ${plain.toFixed(0)} plain, ${encrypted.toFixed(0)} encrypted, ratio ${ratio}`);
    }
  }
} finally {
  await rm(parent, { recursive: true, force: true });
}
