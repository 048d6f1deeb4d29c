import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { findEncrypted } from "../../lib/vault/downgrade.ts";
import { checkEncryption } from "../../lib/vault/encryption.ts";
import { SessionFrames } from "../../lib/vault/frames.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import { testKey } from "../support/keys.ts";
import { Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const salt = async (): Promise<never> => {
  throw new Error("no salt is needed");
};
const framesBy = (key: Buffer): SessionFrames =>
  new SessionFrames(session, { keyring: checkEncryption({ key }), salt });

describe("the search for encrypted entries", () => {
  let requests: Requests;
  const put = async (n: number, frames: SessionFrames): Promise<void> =>
    requests.put(entryKey(session, n), await frames.encode("entry", `${n}`, Buffer.from("an entry")));
  const find = (frames: SessionFrames, numbers: number[]): Promise<void> =>
    findEncrypted(requests, frames, numbers, undefined);

  beforeEach(async () => {
    requests = new Requests(new MemoryBlobs());
    for (const n of [1, 2, 3]) await put(n, new SessionFrames(session));
    requests.take();
  });

  it("finds none in a log that was never encrypted, and reads no entry twice", async () => {
    const frames = framesBy(testKey(1));
    await find(frames, [1, 2, 3]);
    expect(frames.mayBeDowngraded).toBe(true);
    expect(requests.take().length).toBe(3);
    await put(4, new SessionFrames(session));
    requests.take();
    await find(frames, [1, 2, 3, 4]);
    expect(requests.take()).toEqual([`get ${entryKey(session, 4)}`]);
  });

  it.each([1, 2])("finds one whether its key is here or not (key %d)", async (key) => {
    await put(2, framesBy(testKey(key)));
    const frames = framesBy(testKey(1));
    await find(frames, [1, 2, 3]);
    expect(frames.mayBeDowngraded).toBe(false);
    const newest = await new SessionFrames(session).encode("entry", "3", Buffer.from("an entry"));
    await expect(frames.decode("entry", "3", newest, "it")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("finds one that was damaged", async () => {
    const frames = framesBy(testKey(1));
    const frame = await frames.encode("entry", "2", Buffer.from("an entry"));
    await requests.put(entryKey(session, 2), frame.subarray(0, 9));
    await find(frames, [1, 2, 3]);
    expect(frames.mayBeDowngraded).toBe(false);
  });

  it("is not disturbed by an entry that is pruned meanwhile", async () => {
    const frames = framesBy(testKey(1));
    await find(frames, [1, 2, 3, 4]);
    expect(frames.mayBeDowngraded).toBe(true);
    await put(4, framesBy(testKey(1)));
    await find(frames, [1, 2, 3, 4]);
    expect(frames.mayBeDowngraded).toBe(false);
  });
});
