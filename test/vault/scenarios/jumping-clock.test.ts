import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { profileStoreContract, storeContract } from "../../contract/index.ts";
import { letClockJump } from "../../support/jumping-clock.ts";
import { isLong, times } from "../../support/length.ts";

/** The whole of a suite with such a clock: `WA_VAULT_CLOCK=jumps npx vitest run test/vault`. */
const seeds = Array.from({ length: times(1, 20) }, (_, index) => index + 1);

describe.each(seeds)("on a host whose clock jumps, seed %i", (seed) => {
  let giveBack = (): void => {};
  beforeAll(() => {
    giveBack = letClockJump(seed);
  });
  afterAll(() => giveBack());

  it("the time goes back by an hour, and forward by a month", () => {
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    const began = performance.now();
    for (let asked = 0; asked < 1_000; asked++) {
      const now = asked % 2 === 0 ? Date.now() : timeOf(new Date());
      least = Math.min(least, now - (performance.now() - began));
      most = Math.max(most, now - (performance.now() - began));
    }
    expect(Math.round((most - least) / 3_600_000)).toBe(30 * 24 + 1);
    expect(new Date(5).getTime()).toBe(5);
    expect(new Date()).toBeInstanceOf(Date);
  });

  const open = (): { store: Vault } => ({ store: new Vault({ blobs: new MemoryBlobs() }) });
  if (isLong) storeContract({ describe, it }, { name: `clock ${seed}`, open });
  profileStoreContract({ describe, it }, { name: `clock ${seed}`, open });
});

function timeOf(date: Date): number {
  return date.getTime();
}
