import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { useFolder } from "../support/folder.ts";
import { isLong, times } from "../support/length.ts";
import { ENCRYPTED_OPTIONS } from "./kill-life.ts";
import { killAtMoments, recordsLife } from "./kill-moments.ts";

const HOURS_AGO = new Date(Date.now() - 2 * 60 * 60 * 1000);

/** What a life puts and deletes. */
const CHANGES = ["put log", "put _sessions", "put chunks", "put lease", "delete chunks", "delete log", "delete lease"];

// The long run kills some hundred processes.
vi.setConfig({ testTimeout: times(300_000, 3_600_000) });

describe("kill -9 in the life of a session in a directory", () => {
  const folder = useFolder();

  it("at every request: the session is as its last call left it, and nothing unneeded stays", async () => {
    const spec = { kind: "directory", directory: folder() } as const;
    // Between two changes a process only reads.
    const moments = await killAtMoments(spec, "step", some(/^before (put|delete) /));
    expect(kindsOf(moments)).toEqual(expect.arrayContaining(CHANGES.map((change) => `before ${change}`)));
  });

  it("in the middle of every put and delete: the same, but for temporary files that a later listing removes", async () => {
    const directory = folder();
    const moments = await killAtMoments({ kind: "directory", directory }, "amid", some(/./));
    expect(kindsOf(moments)).toEqual(expect.arrayContaining(CHANGES.map((change) => `amid ${change}`)));
    const temporary = await temporaryFiles(directory);
    for (const path of temporary) await utimes(path, HOURS_AGO, HOURS_AGO);
    const store = new FileStore({ directory, ...ENCRYPTED_OPTIONS });
    for await (const session of store.sessions()) {
      const lease = await store.acquire({ session });
      await store.prune({ session, lease });
      await lease.release();
    }
    expect(await temporaryFiles(directory)).toEqual([]);
  });
});

describe("kill -9 of a process that sets records in a directory", () => {
  const folder = useFolder();

  it("before, in and after requests: every set that was stored is there, the next one all or not at all", async () => {
    const spec = { kind: "directory", directory: folder() } as const;
    const changes = some(/(put|delete) .*\/(log|chunks)\//);
    // Which request comes when depends on how long the others take.
    expect((await killAtMoments(spec, "step", changes, recordsLife)).length).toBeGreaterThan(4);
    expect((await killAtMoments(spec, "amid", changes, recordsLife)).length).toBeGreaterThan(2);
  });
});

type Choice = (moment: string, at: number, all: readonly string[]) => boolean;

/**
 * Chooses all moments in the long run. In `npm test`, of those that match: the last one of each kind, which has the most
 * before it.
 */
function some(matches: RegExp): Choice {
  return (moment, at, all) => {
    if (isLong) return true;
    if (!matches.test(moment)) return false;
    return !kindsOf(all.slice(at + 1).filter((later) => matches.test(later))).includes(kindOf(moment));
  };
}

/** The moments without names and numbers, each once. */
function kindsOf(moments: readonly string[]): string[] {
  return [...new Set(moments.map(kindOf))];
}

function kindOf(moment: string): string {
  return moment.replace(/(?: (?:RemoteAuth|Baileys)-[^/]*\/(\w+)| (_\w+))\/.*/, " $1$2");
}

async function temporaryFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => name.endsWith(".tmp")).map((name) => join(directory, name));
}
