import { describe, expect, it } from "vitest";
import { settled } from "../../lib/blobs/settled.ts";

/** A backend whose listings give these keys, one after the other; the last ones stay. */
function listings(...all: string[]): { list: () => Promise<{ found: Map<string, number> }>; asked: () => number } {
  let asked = 0;
  const list = async (): Promise<{ found: Map<string, number> }> => {
    const keys = all[Math.min(asked++, all.length - 1)] ?? "";
    return { found: new Map(Array.from(keys, (key) => [key, asked])) };
  };
  return { list, asked: () => asked };
}

const keysOf = (found: ReadonlyMap<string, unknown>): string => [...found.keys()].sort().join("");

describe("a listing that is made in steps", () => {
  it("is repeated until two agree", async () => {
    const { list, asked } = listings("abc", "abd", "abd");
    const found = await settled(list);
    expect(keysOf(found)).toBe("abd");
    expect(found.get("a")).toBe(3);
    expect(asked()).toBe(3);
  });

  it("is made twice when nothing changes, also when there is nothing", async () => {
    const { list, asked } = listings("");
    expect(keysOf(await settled(list))).toBe("");
    expect(asked()).toBe(2);
  });

  it("gives all keys that were found when it never settles", async () => {
    const { list, asked } = listings("ab", "bc", "cd", "de", "ef", "fg", "gh");
    expect(keysOf(await settled(list))).toBe("abcdefg");
    expect(asked()).toBe(6);
  });

  it("is not repeated when it shows one moment by itself", async () => {
    const { list, asked } = listings("ab");
    expect(keysOf(await settled(async () => ({ ...(await list()), isExact: true })))).toBe("ab");
    expect(asked()).toBe(1);
  });
});
