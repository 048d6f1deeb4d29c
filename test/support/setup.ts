// A process warning or an unhandled rejection anywhere fails the run.
import { afterAll, expect } from "vitest";

const warnings: string[] = [];
/** A warning a test provokes on purpose: `expectWarning(/…/)` before it happens. */
const expected: RegExp[] = [];

process.on("warning", (warning) => {
  const text = `${warning.name}: ${warning.message}`;
  if (!expected.some((pattern) => pattern.test(text))) warnings.push(text);
});

/** Declares that this test file provokes a process warning that matches `pattern`. */
export function expectWarning(pattern: RegExp): void {
  expected.push(pattern);
}

afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});
