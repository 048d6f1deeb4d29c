import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { VaultContext } from "../../../lib/vault/context.ts";
import { LeaseBlobs } from "../../../lib/vault/lease/lease-blobs.ts";
import { checkOptions } from "../../../lib/vault/options.ts";

const session = "RemoteAuth-bot";
const hold = "00112233445566778899aabbccddeeff";
const terms = { host: "web", pid: 7, hold, since: 0, ttlMs: 60_000 };

let backend: MemoryBlobs;
let blobs: LeaseBlobs;
/** A put that has not taken effect yet. */
let late: (() => Promise<void>) | undefined;

beforeEach(() => {
  backend = new MemoryBlobs();
  late = undefined;
  const put = backend.put.bind(backend);
  backend.put = async (key, bytes, options) => {
    const go = late === undefined ? undefined : () => put(key, bytes, options);
    if (go) late = go;
    else await put(key, bytes, options);
  };
  blobs = new LeaseBlobs(new VaultContext(checkOptions({ blobs: backend })), session, 3, terms);
});

/** Lets the put of `work` take effect when the function that it returns is called. */
async function heldBack(work: () => Promise<void>): Promise<() => Promise<void>> {
  late = async () => {};
  await work();
  const arrive = late;
  late = undefined;
  return arrive;
}

describe("a renewal that takes effect late", () => {
  it("undoes no later renewal", async () => {
    await blobs.renew(1, 1_000);
    const arrive = await heldBack(() => blobs.renew(2, 2_000));
    await blobs.renew(3, 3_000);
    await arrive();
    const { turn } = await blobs.list();
    expect(turn).toBe(3);
    expect(await blobs.expiresAt(turn)).toBe(3_000);
  });

  it("undoes no release", async () => {
    await blobs.renew(1, 1_000);
    const arrive = await heldBack(() => blobs.renew(2, 2_000));
    await blobs.release();
    await arrive();
    expect(await blobs.list()).toMatchObject({ isReleased: true });
    expect(await blobs.isReleased()).toBe(true);
  });
});

describe("the blobs of a lease", () => {
  it("lie in the folder of the hold, and say whose it is and when it ends", async () => {
    expect(await blobs.list()).toEqual({ isReleased: false, turn: 0, keys: [] });
    expect(await blobs.isReleased()).toBe(false);
    await blobs.renew(12, 1_000);
    const key = `${session}/lease/0000000000000003-0011223344556677/0000000000000012`;
    expect(await blobs.list()).toEqual({ isReleased: false, turn: 12, keys: [key] });
    expect(blobs.key(12)).toBe(key);
    expect(await blobs.expiresAt(11)).toBeUndefined();
  });

  it("are not those of another holder of the same epoch", async () => {
    const other = { ...terms, hold: "ff112233445566778899aabbccddeeff" };
    await new LeaseBlobs(new VaultContext(checkOptions({ blobs: backend })), session, 3, other).release();
    expect(await blobs.list()).toEqual({ isReleased: false, turn: 0, keys: [] });
  });
});
