import { afterAll, beforeAll, expect, it } from "vitest";
import { limit } from "../../lib/blobs/limit.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import { type Line, startToxiproxy } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenTarget, targets } from "./targets.ts";

const UPLOADS = 10;

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
      const bounded = timeout(opened.blobs, { attemptTimeoutMs: 120_000 });
      const blobs = limit(bounded, { concurrency: 2, urgent: (key) => key.startsWith("s/lease/") });
      await blobs.put("s/lease/1", Buffer.from("held"));
      await line.poison({ type: "bandwidth", stream: "upstream", attributes: { rate: 1_000 } });
      let done = 0;
      const uploads = Array.from({ length: UPLOADS }, async (_, n) => {
        await blobs.put(`s/chunks/${n}`, Buffer.alloc(300_000, n), { ifAbsent: true });
        done++;
      });
      await blobs.put("s/lease/1", Buffer.from("held on"));
      expect(done).toBeLessThan(UPLOADS);
      await Promise.all(uploads);
      expect(String(await blobs.get("s/lease/1"))).toBe("held on");
    });
  });
}
