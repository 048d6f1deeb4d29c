import { describe, expect, it } from "vitest";
import { sessionNameOf } from "../../lib/baileys/session-name.ts";

describe("the name of a session of Baileys", () => {
  it.each([
    ["support", "Baileys-support"],
    ["Baileys-support", "Baileys-support"],
    [12345, "Baileys-12345"],
    [0, "Baileys-0"],
    [12345n, "Baileys-12345"],
  ])("%s is %s", (session, name) => {
    expect(sessionNameOf(session)).toBe(name);
  });

  it.each([
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [1.5],
    [1e21],
    [true],
    [{}],
    [["a"]],
    [""],
    ["a b"],
    ["a/b"],
    [undefined],
  ])("%s is refused", (session) => {
    expect(() => sessionNameOf(session)).toThrow(expect.objectContaining({ code: "INVALID" }));
  });
});
