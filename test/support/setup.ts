// For every test file: a process warning that it did not declare fails the run. (So does an unhandled rejection, by
// itself.)
import { afterAll, expect } from "vitest";
import { takeWarnings } from "./warnings.ts";

afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(takeWarnings()).toEqual([]);
});
