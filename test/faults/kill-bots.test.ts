import { describe, expect, it, vi } from "vitest";
import { useFolder } from "../support/folder.ts";
import { onlyLong, times } from "../support/length.ts";
import { startMongo, startPostgres, startRedis, startS3 } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { killBots } from "./kill-bot.ts";
import { placeOn } from "./kill-places.ts";

// The long run kills some hundred processes.
vi.setConfig({ testTimeout: times(300_000, 3_600_000) });

const session = "bot";

describe("kill -9 of a Baileys bot that sends, on a directory", () => {
  const folder = useFolder();

  it("at random moments: nothing that was stored is lost, and no counter and no pre-key is used twice", async () => {
    const blobs = { kind: "directory", directory: folder() } as const;
    expect(await killBots({ blobs, session }, times(5, 200))).toBeGreaterThan(times(25, 2_000));
  });

  it.each(onlyLong({ passphrase: "correct horse battery staple" }))("the same, encrypted", async (encryption) => {
    const blobs = { kind: "directory", directory: folder() } as const;
    expect(await killBots({ blobs, session, encryption }, 50)).toBeGreaterThan(0);
  });
});

for (const server of [
  { name: "Redis", kind: "redis", start: startRedis } as const,
  ...onlyLong(
    { name: "S3", kind: "s3", start: startS3 } as const,
    { name: "MongoDB", kind: "mongo", start: startMongo } as const,
    { name: "PostgreSQL", kind: "postgres", start: startPostgres } as const,
  ),
]) {
  await suiteWith(`kill -9 of a Baileys bot that sends, on ${server.name}`, shared(server.start), (service) => {
    it("at random moments: the same", async () => {
      const blobs = await placeOn(server.kind, service);
      expect(await killBots({ blobs, session }, times(3, 60))).toBeGreaterThan(0);
    });
  });
}
