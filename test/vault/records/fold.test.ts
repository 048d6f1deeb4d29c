import { describe, expect, it } from "vitest";
import { type Fold, packFold, planFold, type Segment, unpackFold } from "../../../lib/vault/records/fold.ts";

const folder = "0000000000000007-ab12cd34ef567890";

function segment(level: number, bytes: number, to = 1): Segment {
  return { level, to, bytes, parts: [] };
}

describe("a fold", () => {
  const fold: Fold = {
    through: { n: 9, id: "aa" },
    segments: [
      {
        level: 0,
        to: 4,
        bytes: 30,
        parts: [
          { id: "1".repeat(64), folder, bytes: 10, alt: 0 },
          { id: "2".repeat(64), folder, bytes: 20, alt: 1 },
        ],
      },
      { level: 1, to: 9, bytes: 5, parts: [{ id: "3".repeat(64), folder: "0000000000000007", bytes: 5, alt: 0 }] },
    ],
  };

  it("is the same after JSON", () => {
    expect(unpackFold(JSON.parse(JSON.stringify(packFold(fold))), "it")).toEqual(fold);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["no segments", { through: [9, "aa"] }],
    ["no entry", { segments: [] }],
    [
      "segments in another order",
      {
        through: [9, "aa"],
        segments: [
          [0, 4, []],
          [1, 4, []],
        ],
      },
    ],
    ["a segment after its end", { through: [9, "aa"], segments: [[0, 10, []]] }],
    ["a part that is no chunk", { through: [9, "aa"], segments: [[0, 4, [["x", "7-ab12cd34ef567890", 1]]]] }],
    ["a part in no folder", { through: [9, "aa"], segments: [[0, 4, [["1".repeat(64), "..", 1]]]] }],
  ])("is corrupt with %s", (_, value) => {
    expect(() => unpackFold(value, "it")).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });
});

describe("the plan of a fold", () => {
  it("begins with a first segment", () => {
    expect(planFold([], 100)).toEqual({ from: 0, level: 0 });
  });

  it("adds a segment while the others are small", () => {
    expect(planFold([segment(0, 1_000), segment(1, 10)], 10)).toEqual({ from: 2, level: 1 });
  });

  it("makes one of eleven of a level, and of those again", () => {
    const ones = Array.from({ length: 11 }, () => segment(1, 1));
    const twos = Array.from({ length: 11 }, () => segment(2, 1));
    expect(planFold([segment(0, 1_000), ...ones.slice(1)], 1)).toEqual({ from: 11, level: 1 });
    expect(planFold([segment(0, 1_000), ...ones], 1)).toEqual({ from: 1, level: 2 });
    expect(planFold([segment(0, 1_000), ...twos, ...ones], 1)).toEqual({ from: 1, level: 3 });
    expect(planFold([segment(0, 1_000), ...twos.slice(1), ...ones], 1)).toEqual({ from: 11, level: 2 });
  });

  it("begins anew when the others have twice the bytes of the first", () => {
    expect(planFold([segment(0, 100), segment(1, 99)], 100)).toEqual({ from: 2, level: 1 });
    expect(planFold([segment(0, 100), segment(1, 100)], 100)).toEqual({ from: 0, level: 0 });
  });
});
