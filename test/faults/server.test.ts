import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { retry } from "../../lib/blobs/retry.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { isVaultError, type VaultError } from "../../lib/errors.ts";
import type { OwnService } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { clients, type OpenTarget } from "./targets.ts";

const BYTES = 200_000;
const ATTEMPT_MS = 3_000;

for (const target of clients) {
  await suiteWith<OwnService>(target.name, target.start, (service) => {
    let opened: OpenTarget;
    let bounded: BlobStore;
    let patient: BlobStore;
    const reopen = async (): Promise<void> => {
      opened = await target.open(service);
      bounded = timeout(opened.blobs, { attemptTimeoutMs: ATTEMPT_MS });
      patient = retry(bounded, { retries: 1_000, retryDelayMs: 100, giveUpAfterMs: 200_000 });
    };
    beforeAll(reopen);
    afterEach(() => service.resume());
    afterAll(() => opened.close());

    it("killed in the middle of calls: each call is done or UNAVAILABLE, and no blob is half written", async () => {
      await patient.put("s/log/1", filled(1));
      const done = new Set<number>();
      const begun = new Set<number>();
      const errors: unknown[] = [];
      let killed = false;
      let next = 10;
      const write = async (): Promise<void> => {
        while (!killed) {
          const n = next++;
          begun.add(n);
          await bounded.put(`s/chunks/${n}`, filled(n), { ifAbsent: true }).then(
            () => done.add(n),
            (error) => errors.push(error),
          );
        }
      };
      const read = async (): Promise<void> => {
        while (!killed) {
          const found = await bounded.get("s/log/1").catch((error) => {
            errors.push(error);
            return filled(1);
          });
          expect(found?.equals(filled(1))).toBe(true);
        }
      };
      const work = [write(), write(), write(), read(), read()];
      await expect.poll(() => done.size, { timeout: 120_000, interval: 5 }).toBeGreaterThan(10);
      await service.kill();
      // Its answers may still be on their way.
      await expect.poll(() => errors.length, { timeout: 120_000, interval: 5 }).toBeGreaterThan(0);
      killed = true;
      await Promise.all(work);
      expect(errors.filter((error) => !isOutage(error))).toEqual([]);

      await service.restart();
      for (const n of begun) {
        const found = await patient.get(`s/chunks/${n}`);
        if (done.has(n) && target.remembers(service)) expect(found).toBeDefined();
        if (found !== undefined) expect(found.equals(filled(n))).toBe(true);
      }
    });

    it("gone: every call is UNAVAILABLE, and the same client works again when the server is back", async () => {
      await patient.put("s/log/1", filled(1));
      await service.kill();
      for (const result of await outcomes(bounded)) expect(result).toSatisfy(isOutage);
      const waiting = patient.get("s/log/2");
      await service.restart();
      expect(await waiting).toBeUndefined();
      // An attempt that was given up may have taken effect.
      await patient.put("s/log/2", filled(2), { ifAbsent: true }).catch(expectConflict);
      expect((await patient.get("s/log/2"))?.equals(filled(2))).toBe(true);
    });

    it("paused: every call is UNAVAILABLE within its time limit, and takes effect as a whole or not at all", async () => {
      await patient.put("s/log/1", filled(1));
      await service.pause();
      const stalled = timeout(opened.blobs, { attemptTimeoutMs: 300 });
      for (const result of await outcomes(stalled)) expect(result).toSatisfy(isOutage);
      await expect(stalled.put("s/late", filled(9), { ifAbsent: true })).rejects.toSatisfy(isOutage);
      service.resume();
      expect((await patient.get("s/log/1"))?.equals(filled(1))).toBe(true);
      const found = await patient.get("s/late");
      if (found !== undefined) expect(found.equals(filled(9))).toBe(true);
    });
  });
}

/** What each kind of call rejected with, or answered. */
function outcomes(blobs: BlobStore): Promise<unknown[]> {
  const firstKey = async (): Promise<unknown> => {
    for await (const { key } of blobs.list("s/")) return key;
    return "an empty list";
  };
  const calls = [
    blobs.get("s/log/1"),
    blobs.get("s/nothing"),
    blobs.put("s/other", filled(3)),
    blobs.put("s/another", filled(3), { ifAbsent: true }),
    blobs.delete(["s/nothing"]),
    firstKey(),
  ];
  const settled = calls.map((call) =>
    call.then(
      (answer) => ({ answer }),
      (error: unknown) => error,
    ),
  );
  return Promise.all(settled);
}

function expectConflict(error: unknown): void {
  expect(error).toMatchObject({ code: "CONFLICT" });
}

function isOutage(error: unknown): boolean {
  return isVaultError(error, "UNAVAILABLE") && (error as VaultError).retryable;
}

function filled(n: number): Buffer {
  return Buffer.alloc(BYTES, `${n};`);
}
