// For every test file: a process warning that it did not declare fails the run. (So does an unhandled rejection, by
// itself.)
import { afterAll, afterEach, expect } from "vitest";
import { endRenewals } from "./leases.ts";
import { takeWarnings } from "./warnings.ts";

// After the hooks of the file, which may release a lease.
afterEach(endRenewals);

afterAll(async () => {
  endRenewals();
  await new Promise((resolve) => setImmediate(resolve));
  expect(takeWarnings()).toEqual([]);
});
