import { describe, expect, it } from "vitest";
import { isChromiumMissing } from "../support/chromium.ts";
import type { Form } from "./open-page.ts";
import { torture } from "./run.ts";

// A short run; `npm run torture -- --captures 200` is the long one.
describe.skipIf(isChromiumMissing()).each<Form>(["leveldb", "sqlite"])(
  "captures of %s under full write load",
  (form) => {
    it("open twice, whole, with everything that was committed before them", async () => {
      const report = await torture({ form, captures: 4, fillBytes: 4_000_000 });
      expect(report.captures).toEqual({ taken: 4, failed: 0, lost: 0, broken: 0, reasons: [] });
      expect(report.records).toBeGreaterThan(0);
    }, 180_000);
  },
);
