import { setImmediate } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";
import { Turns } from "../../lib/profile/turns.ts";

afterEach(() => void vi.restoreAllMocks());

it("pauses once some milliseconds have passed, and not before", async () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(1_000);
  const turns = new Turns();
  let others = 0;
  void setImmediate().then(() => others++);
  for (let i = 0; i < 1_000; i++) await turns.next();
  expect(others).toBe(0);
  now.mockReturnValue(1_005);
  await turns.next();
  expect(others).toBe(1);
});
