import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { limit } from "../../lib/blobs/limit.ts";
import { retry } from "../../lib/blobs/retry.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import { type Line, startToxiproxy } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenTarget, targets } from "./targets.ts";

const UPLOADS = 10;
const SLOW = { type: "bandwidth", stream: "upstream" } as const;
/** Of one connection: all uploads take 15 to 30 s, which no stall of a server comes near. */
const KILOBYTES_PER_SECOND = 100;

// A slow line and much to upload: what keeps the session held must not wait behind all of it.
for (const target of targets) {
  const start = async () => {
    const network = await startToxiproxy();
    const server = await target.start();
    const stop = async (): Promise<void> => {
      await server.stop();
      await network.stop();
    };
    return { network, server, stop, way: server.way };
  };
  await suiteWith(`a slow line to ${target.name}`, start, ({ network, server }) => {
    let line: Line;
    let opened: OpenTarget;
    beforeAll(async () => {
      line = await network.between(server.port);
      opened = await target.open(server, line.port);
    });
    afterAll(() => opened.close());

    it("lets a lease renewal overtake the uploads that wait", async () => {
      // An attempt that fails on a busy machine is made again, as a store does it.
      const attempts = timeout(opened.blobs, { attemptTimeoutMs: 120_000 });
      const patient = retry(attempts, { retries: 100, retryDelayMs: 100, giveUpAfterMs: 250_000 });
      const blobs = limit(patient, { concurrency: 2, urgent: (key) => key.startsWith("s/lease/") });
      await blobs.put("s/lease/1", Buffer.from("held"));
      await line.poison({ ...SLOW, attributes: { rate: KILOBYTES_PER_SECOND } });
      let done = 0;
      const uploads = Array.from({ length: UPLOADS }, async (_, n) => {
        await blobs.put(`s/chunks/${n}`, Buffer.alloc(300_000, n));
        done++;
      });
      // The first of them are on the line by then.
      await setImmediate();
      await blobs.put("s/lease/1", Buffer.from("held on"));
      // One that queued would come when there is a single upload left.
      expect(done).toBeLessThan(UPLOADS / 2);
      await line.cure(SLOW);
      await Promise.all(uploads);
      expect(String(await blobs.get("s/lease/1"))).toBe("held on");
    }, 600_000);
  });
}
