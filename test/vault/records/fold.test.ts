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
  const none = (): number[] => [];

  it("begins with a first segment", () => {
    expect(planFold([], 100, 100, none)).toEqual({ from: 0, level: 0 });
  });

  it("adds a segment while little was replaced, however much was added", () => {
    expect(planFold([segment(0, 1_000), segment(1, 10)], 10, 1_000, none)).toEqual({ from: 2, level: 1 });
    expect(planFold([segment(0, 100), segment(1, 79)], 0, 100, none)).toEqual({ from: 2, level: 1 });
    expect(planFold([segment(0, 100), segment(1, 500)], 100, 700, none)).toEqual({ from: 2, level: 1 });
  });

  it("makes one of sixteen of a level, and of those again", () => {
    const ones = Array.from({ length: 16 }, () => segment(1, 1));
    const twos = Array.from({ length: 16 }, () => segment(2, 1));
    const plan = (...segments: Segment[]): ReturnType<typeof planFold> =>
      planFold([segment(0, 1_000), ...segments], 1, 1_000, none);
    expect(plan(...ones.slice(1))).toEqual({ from: 16, level: 1 });
    expect(plan(...ones)).toEqual({ from: 1, level: 2 });
    expect(plan(...twos, ...ones)).toEqual({ from: 1, level: 3 });
    expect(plan(...twos.slice(1), ...ones)).toEqual({ from: 16, level: 2 });
  });

  it("frees what was replaced where that takes the fewest bytes", () => {
    const segments = [segment(0, 100), segment(2, 40), segment(1, 20)];
    // Of the second one nothing is left, and the third one is as it was.
    expect(planFold(segments, 20, 100, () => [60, 0, 20, 20])).toEqual({ from: 1, level: 2 });
    // Most of what was replaced is in the first one.
    expect(planFold(segments, 20, 100, () => [30, 40, 20, 10])).toEqual({ from: 0, level: 0 });
    // The last one alone would free too little.
    expect(planFold([segment(0, 100), segment(1, 60), segment(1, 20)], 0, 100, () => [60, 30, 10, 0])).toEqual({
      from: 1,
      level: 1,
    });
    expect(planFold([segment(0, 100)], 10, 0, () => [0, 10])).toEqual({ from: 0, level: 0 });
  });
});
