import { describe, expect, it } from "vitest";
import { checkSpace, Extents } from "../../../lib/profile/sqlite/page-space.ts";
import { smallSqlite } from "../support/sqlite-bytes.ts";

function check(page: Buffer, cells: { at: number; end: number }[]): void {
  const extents = new Extents();
  for (const { at, end } of cells) extents.add(at, end);
  checkSpace(page, { start: 0, base: 0, usable: 512, number: 2 }, extents);
}

describe("checkSpace", () => {
  const page = Buffer.from(smallSqlite(["four", "five"])[1] as Buffer);
  page.writeUInt16BE(480, 5);

  it("accepts cells with the left-over bytes that the page counts", () => {
    const cells = [
      { at: 505, end: 512 },
      { at: 480, end: 503 },
    ];
    page[7] = 2;
    expect(() => check(page, cells)).not.toThrow();
  });

  it("counts a smaller cell as four bytes", () => {
    page[7] = 0;
    const next = { at: 484, end: 512 };
    expect(() => check(page, [{ at: 480, end: 482 }, next])).not.toThrow();
    expect(() =>
      check(page, [
        { at: 480, end: 482 },
        { ...next, at: 483 },
      ]),
    ).toThrow("uses a byte twice");
  });

  it.each([
    ["uses a byte twice", 480, 506],
    ["uses a byte twice", 470, 505],
    ["has a cell past its end", 480, 513],
  ])("reports that a page %s", (reason, at, end) => {
    const cells =
      end > 512
        ? [{ at, end }]
        : [
            { at, end },
            { at: 505, end: 512 },
          ];
    expect(() => check(page, cells)).toThrow(reason);
  });
});
