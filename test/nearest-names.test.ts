import { describe, expect, it } from "vitest";
import { isNear, NearestNames } from "../lib/nearest-names.ts";

function nearest(name: string, names: readonly string[], most = 5): string[] {
  const found = new NearestNames(name, most);
  for (const one of names) found.add(one);
  return found.names;
}

describe("the nearest name", () => {
  it.each([
    ["has one letter changed, added, left out or exchanged", "RemoteAuth-support", "RemoteAuth-supprot"],
    ["differs in capitals", "RemoteAuth-Support", "RemoteAuth-support"],
    ["differs in hyphens and underscores", "RemoteAuth-my_bot", "RemoteAuth-my-bot"],
    ["begins twice", "RemoteAuth-RemoteAuth-support", "RemoteAuth-support"],
    ["has no beginning", "RemoteAuth-support", "support"],
    ["is that of a folder of LocalAuth", "RemoteAuth-support", "session-support"],
    ["is that of a session of Baileys", "RemoteAuth-support", "Baileys-support"],
    ["is that of a session of a browser", "Baileys-support", "RemoteAuth-support"],
    ["has one part more", "RemoteAuth-support", "RemoteAuth-customer-support"],
    ["has one part less", "RemoteAuth-support-2", "RemoteAuth-support"],
    ["is that without a clientId", "RemoteAuth-s", "RemoteAuth"],
  ])("%s", (_, name, meant) => {
    const others = ["RemoteAuth-sales", "RemoteAuth-zzzzzz", "RemoteAuth-xsalesx", "Baileys-sales"];
    const [first] = nearest(name, [...others.slice(0, 2), meant, ...others.slice(2)]);
    expect(first).toBe(meant);
  });

  it("comes first, and of equal ones the one of the same kind, then the alphabet", () => {
    const names = [
      "RemoteAuth-c",
      "support",
      "RemoteAuth-b",
      "Baileys-support",
      "RemoteAuth-suport",
      "RemoteAuth-Support",
    ];
    expect(nearest("RemoteAuth-support", names)).toEqual([
      "RemoteAuth-Support",
      "Baileys-support",
      "support",
      "RemoteAuth-suport",
      "RemoteAuth-b",
    ]);
  });
});

describe("names that are not meant", () => {
  it("are the name itself, and those of the other kind that differ", () => {
    const found = new NearestNames("RemoteAuth-a", 5);
    for (const name of ["RemoteAuth-a", "Baileys-b", "Baileys-a", "RemoteAuth-b"]) found.add(name);
    expect(found.names).toEqual(["Baileys-a", "RemoteAuth-b"]);
    expect(found.count).toBe(2);
  });

  it("are not kept, however many are added", () => {
    const found = new NearestNames("RemoteAuth-1", 5);
    for (let n = 10_000; n > 0; n--) found.add(`RemoteAuth-${n}`);
    expect(found.count).toBe(9_999);
    expect(found.names).toEqual([10, 11, 12, 13, 14].map((n) => `RemoteAuth-${n}`));
  });
});

describe("isNear", () => {
  it.each([
    ["RemoteAuth-supprot", "RemoteAuth-support"],
    ["RemoteAuth-Support", "support"],
    ["session-my_bot", "RemoteAuth-my-bot"],
    ["RemoteAuth-suport", "Baileys-support"],
    ["RemoteAuth-bot-7", "RemoteAuth-bot7"],
  ])("%s and %s", (one, other) => {
    expect([isNear(one, other), isNear(other, one)]).toEqual([true, true]);
  });

  it.each([
    ["RemoteAuth-customer-7", "RemoteAuth-customer-8"],
    ["RemoteAuth-customer-7", "RemoteAuth-customer-71"],
    ["RemoteAuth-15550001111", "RemoteAuth-15550001112"],
    ["RemoteAuth-a", "RemoteAuth-b"],
    ["RemoteAuth", "RemoteAuth-a"],
    ["RemoteAuth-sales", "RemoteAuth-support"],
  ])("not %s and %s", (one, other) => {
    expect([isNear(one, other), isNear(other, one)]).toEqual([false, false]);
  });
});
