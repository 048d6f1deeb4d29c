import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { SessionRecords } from "../../../lib/vault/records/session-records.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { testKey } from "../../support/keys.ts";

const session = "Baileys-bot";
const open: SessionRecords[] = [];

afterEach(async () => {
  for (const records of open.splice(0)) await records.close(0);
});

function vault(blobs: MemoryBlobs, options: VaultOptions = {}): Vault {
  return new Vault({ blobs, retries: 0, retryDelayMs: 0, onWarning: console.log, ...options });
}

async function take(by: Vault): Promise<SessionRecords> {
  const records = await by.openRecords({ session });
  open.push(records);
  return records;
}

function all(records: SessionRecords): Record<string, string> {
  return Object.fromEntries(records.keys().map((key) => [key, String(records.get(key))]));
}

const set = (records: SessionRecords, values: Record<string, string | undefined>): Promise<void> =>
  records.set(
    Object.entries(values).map(([key, value]) => [key, value === undefined ? undefined : Buffer.from(value)]),
  );

describe.each([
  ["plain", {}],
  ["encrypted", { encryption: { key: testKey(1) } }],
])("records, %s", (_, options) => {
  it("are there for the next holder", async () => {
    const blobs = new MemoryBlobs();
    const one = await take(vault(blobs, options));
    await set(one, { a: "1", b: "2" });
    await set(one, { a: "3", b: undefined, c: "" });
    expect(all(one)).toEqual({ a: "3", c: "" });
    await one.close();
    expect(all(await take(vault(blobs, options)))).toEqual({ a: "3", c: "" });
  });

  it("survive folds of folds, and leave little behind", async () => {
    const blobs = new MemoryBlobs();
    const expected: Record<string, string> = {};
    for (let round = 0; round < 4; round++) {
      const records = await take(vault(blobs, options));
      expect(all(records)).toEqual(expected);
      for (let n = 0; n < 1_000; n++) {
        const key = `key ${(n * 7 + round) % 97}`;
        const value = n % 5 === 0 ? undefined : `${round}.${n}`;
        await set(records, { [key]: value });
        await setImmediate();
        if (value === undefined) delete expected[key];
        else expected[key] = value;
      }
      await records.close();
    }
    const keys: string[] = [];
    for await (const { key } of blobs.list(`${session}/`)) keys.push(key);
    console.log(
      keys.filter((key) => key.includes("/log/")).length,
      keys.filter((key) => key.includes("/chunks/")).length,
    );
    expect(all(await take(vault(blobs, options)))).toEqual(expected);
  });
});
