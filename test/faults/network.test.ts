import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { retry } from "../../lib/blobs/retry.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { isVaultError, type VaultError } from "../../lib/errors.ts";
import { type BadNetwork, type Line, type OwnService, startToxiproxy } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenTarget, type Target, targets } from "./targets.ts";

const LARGE = Buffer.alloc(400_000, "large;");

for (const target of targets) {
  await suiteWith(
    `${target.name} behind a bad network`,
    () => startBehind(target),
    ({ server, network }) => {
      let line: Line;
      let opened: OpenTarget;
      let bounded: BlobStore;
      let patient: BlobStore;
      beforeAll(async () => {
        line = await network.between(server.port);
        opened = await target.open(server, line.port);
        bounded = timeout(opened.blobs, { attemptTimeoutMs: 1_000 });
        patient = retry(timeout(opened.blobs, { attemptTimeoutMs: 5_000 }), { retries: 40, retryDelayMs: 100 });
        await patient.put("s/large", LARGE);
      });
      afterEach(() => line.heal());
      afterAll(() => opened.close());

      const bad: Record<string, () => Promise<void>> = {
        "connections are refused": () => line.cut(),
        "connections are reset": () => line.poison({ type: "reset_peer", attributes: { timeout: 0 } }),
        "an answer is cut in the middle of its body": () =>
          line.poison({ type: "limit_data", attributes: { bytes: 100_000 } }),
        "a request is cut in the middle of its body": () =>
          line.poison({ type: "limit_data", stream: "upstream", attributes: { bytes: 100_000 } }),
        "answers stop and the connection stays": () => line.poison({ type: "timeout", attributes: { timeout: 0 } }),
        "requests stop and the connection stays": () =>
          line.poison({ type: "timeout", stream: "upstream", attributes: { timeout: 0 } }),
        "the line is too slow": () => line.poison({ type: "bandwidth", attributes: { rate: 50 } }),
      };
      for (const [name, spoil] of Object.entries(bad)) {
        it(`${name}: every call is UNAVAILABLE or done, never absent, never half done`, async () => {
          await spoil();
          const read = bounded.get("s/large").then(expectWhole, expectOutage);
          const key = `s/put/${name.replaceAll(" ", "-")}`;
          const write = bounded.put(key, LARGE, { ifAbsent: true }).catch(expectOutage);
          await Promise.all([read, write]);
          await line.heal();
          expectWhole(await patient.get("s/large"));
          const found = await patient.get(key);
          if (found !== undefined) expectWhole(found);
        });
      }

      it("a connection with delays and small packets is only slow", async () => {
        await line.poison({ type: "latency", attributes: { latency: 30, jitter: 20 } });
        await line.poison({ type: "slicer", attributes: { average_size: 5_000, size_variation: 2_000, delay: 100 } });
        expectWhole(await patient.get("s/large"));
        // An attempt that was given up may have taken effect.
        await patient.put("s/slow", LARGE, { ifAbsent: true }).catch(expectConflict);
        expectWhole(await patient.get("s/slow"));
      });
    },
  );
}

/** Compared as bytes: `toEqual` goes through them one by one. */
function expectWhole(found: Buffer | undefined): void {
  expect(found?.equals(LARGE)).toBe(true);
}

function expectOutage(error: unknown): void {
  expect(error).toSatisfy(() => isVaultError(error, "UNAVAILABLE") && (error as VaultError).retryable);
}

function expectConflict(error: unknown): void {
  expect(error).toMatchObject({ code: "CONFLICT" });
}

async function startBehind(target: Target): Promise<Behind> {
  const network = await startToxiproxy();
  const server = await target.start();
  const stop = async (): Promise<void> => {
    await server.stop();
    await network.stop();
  };
  return { server, network, way: server.way, stop };
}

interface Behind {
  server: OwnService;
  network: BadNetwork;
  way: string;
  stop(): Promise<void>;
}
