import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { SessionRecords } from "../../lib/vault/records/session-records.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { onlyLong } from "../support/length.ts";
import type { OwnService } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { type OpenTarget, targets } from "./targets.ts";

const session = "Baileys-bot";
/** Only a hang reaches it. */
const PATIENT = { timeout: 120_000, interval: 5 };

// While records are set, a listing of S3Proxy lacks keys that have long been there; then a prune leaves everything alone.
expectWarning(/^WaVaultWarning: (Left old data|The store has lost chunks) of Baileys-/);

for (const target of targets) {
  await suiteWith<OwnService>(target.name, target.start, (service) => {
    let opened: OpenTarget;
    beforeAll(async () => {
      opened = await target.open(service);
    });
    afterEach(() => service.resume());
    afterAll(() => opened.close());

    const outages = [
      ["paused", () => service.pause(), async () => service.resume()],
      ...onlyLong(["killed", () => service.kill(), () => service.restart()] as const).filter(() =>
        target.remembers(service),
      ),
    ] as const;

    it.each(outages)("%s while records are set: the sets wait, in order, and none is lost", async (how, begin, end) => {
      const errors: unknown[] = [];
      const records = await takeOver((error) => errors.push(error));
      const order: number[] = [];
      let isOver = false;
      const setting = (async () => {
        for (let n = 1; !isOver; n++) {
          await records.set([
            ["n", Buffer.from(String(n))],
            [`${how} ${n}`, Buffer.from("x")],
          ]);
          order.push(n);
        }
      })();
      await expect.poll(() => order.length, PATIENT).toBeGreaterThan(5);
      await begin();
      await expect.poll(() => errors.length, PATIENT).toBeGreaterThan(0);
      const told = order.length;
      // It waits.
      expect(Number(records.get("n"))).toBe(told + 1);
      await end();
      await expect.poll(() => order.length, PATIENT).toBeGreaterThan(told + 5);
      isOver = true;
      await setting;
      await records.close();
      expect(order).toEqual(Array.from(order.keys(), (index) => index + 1));
      const next = await takeOver();
      expect(String(next.get("n"))).toBe(String(order.length));
      for (const n of order) expect(next.get(`${how} ${n}`)).toBeDefined();
      await next.close();
    });

    async function takeOver(onError: (error: unknown) => void = () => {}): Promise<SessionRecords> {
      const vault = new Vault({ blobs: opened.blobs, attemptTimeoutMs: 1_000, retries: 0 });
      await vault.breakLease({ session });
      return await vault.openRecords({ session, onError });
    }
  });
}
