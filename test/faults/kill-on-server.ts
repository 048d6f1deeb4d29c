import { expect, it, vi } from "vitest";
import { isLong, onlyLong, times } from "../support/length.ts";
import { startMongo, startPostgres, startRedis, startS3 } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { killAtMoments, recordsLife } from "./kill-moments.ts";
import { placeOn } from "./kill-places.ts";

/** A server that sessions are kept on. */
export type ServerKind = "redis" | "s3" | "mongo" | "postgres";

const servers = {
  redis: { name: "Redis", start: startRedis },
  s3: { name: "S3", start: startS3 },
  mongo: { name: "MongoDB", start: startMongo },
  postgres: { name: "PostgreSQL", start: startPostgres },
} as const;

/** Kills processes in the middle of a life of a session on a server of this kind. */
export async function killOnServer(kind: ServerKind): Promise<void> {
  const { name, start } = servers[kind];
  const turn = Object.keys(servers).indexOf(kind);
  // While records are set, a listing of S3Proxy lacks keys that have long been there; then a prune leaves everything alone.
  expectWarning(/^WaVaultWarning: (Left old data|The store has lost chunks) of Baileys-/);
  // The long run kills some hundred processes.
  vi.setConfig({ testTimeout: times(300_000, 3_600_000) });
  await suiteWith(`kill -9 in the life of a session on ${name}`, shared(start), (service) => {
    // All moments are tried on a directory: here are some of them, others on each server. The long run has all.
    const some =
      (count: number) =>
      (_moment: string, at: number, { length }: readonly string[]): boolean => {
        const every = Math.ceil(length / count);
        return isLong || at % every === (turn * Math.ceil(every / 3)) % every;
      };

    it("before and after requests: the session is as its last call left it, and nothing unneeded stays", async () => {
      const moments = await killAtMoments(await placeOn(kind, service), "step", some(3));
      expect(moments.length).toBeGreaterThan(1);
    });

    it("in the middle of puts and deletes: the same", async () => {
      const moments = await killAtMoments(await placeOn(kind, service), "amid", some(2));
      expect(moments.length).toBeGreaterThan(0);
    });

    it("while records are set: every set that was stored is there, the next one all or not at all", async () => {
      const moments: string[] = [];
      // In the middle of a request it is killed on a directory, and here while it saves.
      for (const how of ["step", ...onlyLong("amid" as const)] as const)
        moments.push(...(await killAtMoments(await placeOn(kind, service), how, some(2), recordsLife)));
      expect(moments.length).toBeGreaterThan(0);
    });
  });
}
