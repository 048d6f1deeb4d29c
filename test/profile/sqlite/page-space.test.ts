import { describe, expect, it } from "vitest";
import { checkSpace } from "../../../lib/profile/sqlite/page-space.ts";
import { smallSqlite } from "../support/sqlite-bytes.ts";

describe("checkSpace", () => {
  const page = Buffer.from(smallSqlite(["four", "five"])[1] as Buffer);
  page.writeUInt16BE(480, 5);

  it("accepts cells with the left-over bytes that the page counts", () => {
    const cells = [
      { at: 505, end: 512 },
      { at: 480, end: 503 },
    ];
    page[7] = 2;
    expect(() => checkSpace(page, 0, 512, cells, "page 2")).not.toThrow();
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
    expect(() => checkSpace(page, 0, 512, cells, "page 2")).toThrow(reason);
  });
});
