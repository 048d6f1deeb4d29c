// For every test file: a process warning that it did not declare fails the run. (So does an unhandled rejection, by
// itself.)
import { afterAll, afterEach, expect } from "vitest";
import { letClockJump } from "./jumping-clock.ts";
import { endRenewals } from "./leases.ts";
import "./monotonic-clock.ts";
import { expectWarning, takeWarnings } from "./warnings.ts";

// `jumps-17`: the seed is 17. See CONTRIBUTING.md.
const jumps = /^jumps(?:-(\d+))?$/.exec(process.env.WA_VAULT_CLOCK ?? "");
const setClock = jumps ? letClockJump(Number(jumps[1] ?? 1)) : undefined;
// A lease that has ended may have a time in the future by then: whoever waits for it says so.
if (jumps) expectWarning(/Waiting up to \d+ s for .*, which has held/);

// After the hooks of the file, which may release a lease.
afterEach(endRenewals);

afterAll(async () => {
  endRenewals();
  await new Promise((resolve) => setImmediate(resolve));
  setClock?.();
  expect(takeWarnings()).toEqual([]);
});
