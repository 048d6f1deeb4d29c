import { describe, expect, it } from "vitest";
import { VaultError } from "../../lib/errors.ts";
import { readWhole } from "../../lib/vault/read-whole.ts";

/** Reads these values one after the other: `torn` does not decode, `other` fails in another way. */
function read(...values: (string | undefined)[]): { result: Promise<string | undefined>; left: () => number } {
  const get = async (): Promise<Buffer | undefined> => {
    const value = values.shift();
    return value === undefined ? undefined : Buffer.from(value);
  };
  const decode = async (value: Buffer): Promise<string> => {
    if (String(value) === "torn") throw new VaultError("CORRUPT", "Could not read it.");
    if (String(value) === "other") throw new VaultError("WRONG_KEY", "No key.");
    return String(value);
  };
  return { result: readWhole(get, decode), left: () => values.length };
}

describe("a value that may be torn on its way", () => {
  it("is read once when it is whole, and absent when there is none", async () => {
    const whole = read("a", "b");
    expect(await whole.result).toBe("a");
    expect(whole.left()).toBe(1);
    expect(await read().result).toBeUndefined();
  });

  it("is read again when it is torn, also when it has gone meanwhile", async () => {
    expect(await read("torn", "torn", "a").result).toBe("a");
    expect(await read("torn").result).toBeUndefined();
  });

  it("is damaged when no read of three was whole", async () => {
    await expect(read("torn", "torn", "torn", "a").result).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("is not read again after any other error, and not when the read itself fails", async () => {
    const other = read("other", "a");
    await expect(other.result).rejects.toMatchObject({ code: "WRONG_KEY" });
    expect(other.left()).toBe(1);
    let reads = 0;
    const lost = async (): Promise<Buffer> => {
      reads++;
      throw new VaultError("CORRUPT", "The backend has lost it.");
    };
    await expect(readWhole(lost, async () => 1)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(reads).toBe(1);
  });
});
