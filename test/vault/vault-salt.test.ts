import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { retry } from "../../lib/blobs/retry.ts";
import { VaultError } from "../../lib/errors.ts";
import { packScrypt, SCRYPT_COST } from "../../lib/vault/derive.ts";
import { encodeFrame } from "../../lib/vault/frame.ts";
import { vaultSalt } from "../../lib/vault/vault-salt.ts";
import { testKey } from "../support/keys.ts";
import { Requests } from "./support/requests.ts";

const key = "_vault/scrypt";

describe("the salt of a vault", () => {
  let backend: MemoryBlobs;
  let requests: Requests;
  const salt = () => vaultSalt(retry(requests, { retries: 1, retryDelayMs: 0 }));

  beforeEach(() => {
    backend = new MemoryBlobs();
    requests = new Requests(backend);
  });

  it("is made once, random and at full cost, and is the same for everybody after that", async () => {
    const made = await salt();
    expect(made).toMatchObject(SCRYPT_COST);
    expect(await salt()).toEqual(made);
    expect((await vaultSalt(retry(new MemoryBlobs(), { retries: 0, retryDelayMs: 0 }))).salt).not.toEqual(made.salt);
  });

  it("is one for all that make it at the same moment", async () => {
    const made = await Promise.all(Array.from({ length: 20 }, salt));
    expect(new Set(made.map((one) => one.salt.toString("hex"))).size).toBe(1);
    expect(await salt()).toEqual(made[0]);
  });

  it("is read back when the answer to its creation is lost", async () => {
    let isLost = false;
    requests.intercept = async (call, _, go) => {
      const result = await go();
      if (call !== "put" || isLost) return result;
      isLost = true;
      throw new VaultError("UNAVAILABLE", "The answer was lost.");
    };
    const made = await salt();
    requests.passAll();
    expect(await salt()).toEqual(made);
  });

  it("is never made while the store does not answer", async () => {
    requests.intercept = async (call, _, go) => {
      if (call === "get") throw new VaultError("UNAVAILABLE", "No answer.");
      return await go();
    };
    await expect(salt()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await backend.get(key)).toBeUndefined();
  });

  it.each<[string, () => Promise<Buffer>]>([
    ["damaged", async () => Buffer.from("damaged")],
    ["weaker", () => encodeFrame("salt", packScrypt({ logN: 14, r: 8, p: 3, salt: testKey(1) }))],
    ["of fewer rounds", () => encodeFrame("salt", packScrypt({ logN: 15, r: 8, p: 1, salt: testKey(1) }))],
    ["cut", () => encodeFrame("salt", packScrypt({ ...SCRYPT_COST, salt: testKey(1) }).subarray(0, 20))],
  ])("is replaced when it is %s", async (_, frame) => {
    await backend.put(key, await frame());
    const made = await salt();
    expect(made).toMatchObject(SCRYPT_COST);
    expect(made.salt).not.toEqual(testKey(1));
    expect(await salt()).toEqual(made);
  });

  it("is taken when somebody has made it more expensive", async () => {
    const expensive = { logN: 16, r: 8, p: 4, salt: testKey(1) };
    await backend.put(key, await encodeFrame("salt", packScrypt(expensive)));
    expect(await salt()).toEqual(expensive);
  });
});
