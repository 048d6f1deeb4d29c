import { expect, it } from "vitest";
import { useVaultAuthState } from "../../lib/baileys/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { onlyLong } from "../support/length.ts";
import type { OwnService } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { targets } from "./targets.ts";

const PEERS = ["anna", "bert", "carl"];
/** What takes longer is tried again, on a busy machine too. */
const ATTEMPT_MS = 1_000;

for (const target of targets) {
  await suiteWith<OwnService>(`a Baileys bot on ${target.name}`, target.start, (service) => {
    const outages: [string, () => Promise<void>, () => Promise<void>][] = [
      ["is killed and started again", () => service.kill(), () => service.restart()],
      ["is paused", () => service.pause(), async () => service.resume()],
    ];
    // A pause lasts until requests are given up.
    it.each(target === targets.at(-1) ? outages : [...outages.slice(0, 1), ...onlyLong(...outages.slice(1))])(
      "goes on when its server %s in the middle of traffic: all that was set is stored, in order",
      async (_, down, up) => {
        const opened = await target.open(service);
        const errors: unknown[] = [];
        const warnings: string[] = [];
        const onWarning = (message: string): void => void warnings.push(message);
        const options = { session: "bot", leaseWaitMs: 0, closeTimeoutMs: 120_000, onWarning };
        const store = (retries: number): Vault =>
          new Vault({ blobs: opened.blobs, attemptTimeoutMs: ATTEMPT_MS, retries, retryDelayMs: 100, onWarning });
        const one = await useVaultAuthState({ ...options, store: store(1), onError: (error) => errors.push(error) });
        const counts = new Map<string, number>();
        let isOver = false;
        const send = async (peer: string): Promise<void> => {
          for (let count = 1; !isOver; count++) {
            await one.state.keys.set({
              session: { [peer]: Buffer.alloc(1_000, count % 256) },
              tctoken: { [peer]: { count } },
            });
            counts.set(peer, count);
          }
        };
        const traffic = Promise.all(PEERS.map(send));
        const reach = async (count: number): Promise<void> => {
          await expect
            .poll(() => Math.min(...PEERS.map((peer) => counts.get(peer) ?? 0)), { timeout: 120_000 })
            .toBeGreaterThan(count);
        };
        await reach(3);
        await down();
        const told = errors.length;
        await expect.poll(() => errors.length, { timeout: 120_000 }).toBeGreaterThan(told);
        // Reads go on.
        const { anna } = await one.state.keys.get("tctoken", ["anna"]);
        expect(anna.count).toBeGreaterThan(3);
        const before = Math.max(...counts.values());
        await up();
        await reach(before + 3);
        isOver = true;
        await traffic;
        expect(one.lost.aborted).toBe(false);
        await one.close();
        const two = await useVaultAuthState({ ...options, store: store(20) });
        const found = await two.state.keys.get("tctoken", PEERS);
        expect(new Map(PEERS.map((peer) => [peer, found[peer]?.count]))).toEqual(counts);
        await two.close();
        // A listing of S3Proxy that runs beside puts can lack keys; then a prune leaves everything alone.
        const shown = warnings.filter((warning) => !/^(Left old data|The store has lost chunks) of /.test(warning));
        if (target.remembers(service)) expect(shown).toEqual([]);
        else for (const warning of shown) expect(warning).toContain("has lost entries or chunks");
        await opened.close();
      },
    );
  });
}
