// For every test file: a process warning that it did not declare fails the run, and so does what it leaves for the next
// file. (An unhandled rejection does so by itself.)
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { letClockJump } from "./jumping-clock.ts";
import { endRenewals } from "./leases.ts";
import { watchShared } from "./left-behind.ts";
import "./monotonic-clock.ts";
import { expectWarning, takeWarnings } from "./warnings.ts";

// `jumps-17`: the seed is 17. See CONTRIBUTING.md.
const jumps = /^jumps(?:-(\d+))?$/.exec(process.env.WA_VAULT_CLOCK ?? "");
const setClock = jumps ? letClockJump(Number(jumps[1] ?? 1)) : undefined;
// A lease that has ended may have a time in the future by then: whoever waits for it says so.
if (jumps) expectWarning(/Waiting up to \d+ s for .*, which has held/);

let changed: (() => string[]) | undefined;
// Before the hooks of the file, and after its modules were loaded.
beforeAll(() => {
  changed = watchShared();
});

// After the hooks of the file, which may release a lease.
afterEach(endRenewals);

afterAll(async () => {
  endRenewals();
  await new Promise((resolve) => setImmediate(resolve));
  const left = changed?.() ?? [];
  setClock?.();
  expect(takeWarnings()).toEqual([]);
  expect(left, "a file must leave nothing behind that the next file could see").toEqual([]);
});
