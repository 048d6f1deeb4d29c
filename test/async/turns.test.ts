import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, it } from "vitest";
import { turns } from "../../lib/async/turns.ts";
import { holdTime, passTime } from "../support/monotonic-clock.ts";

beforeEach(async () => {
  holdTime();
  // A stretch begins now.
  passTime(60_000);
  await turns.next();
});

it("pauses once some milliseconds have passed, and not before", async () => {
  let others = 0;
  void setImmediate().then(() => others++);
  for (let i = 0; i < 1_000; i++) await turns.next();
  expect(others).toBe(0);
  passTime(5);
  await turns.next();
  expect(others).toBe(1);
});

it("counts the work of all who share the thread as one stretch", async () => {
  let others = 0;
  void setImmediate().then(() => others++);
  await turns.next();
  passTime(2);
  await turns.next();
  expect(others).toBe(0);
  passTime(2);
  // Somebody else, who has done nothing yet.
  await turns.next();
  expect(others).toBe(1);
});

it("lets one of many go on after each pause, in order", async () => {
  const happened: string[] = [];
  passTime(5);
  const work = ["a", "b", "c"].map(async (name) => {
    await turns.next();
    happened.push(name);
    // Each takes as long as a stretch may.
    passTime(5);
  });
  const rest = (async () => {
    for (let turn = 1; turn <= 3; turn++) {
      await setImmediate();
      happened.push(`turn ${turn}`);
    }
  })();
  await Promise.all([...work, rest]);
  expect(happened).toEqual(["a", "turn 1", "b", "turn 2", "c", "turn 3"]);
});
