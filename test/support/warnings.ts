/** Process warnings since they were last taken. One list for all test files of a worker. */
const seen: string[] = [];
let expected: RegExp[] = [];

process.on("warning", ({ name, message }) => void seen.push(`${name}: ${message}`));

/** Declares that this test file provokes a process warning that matches `pattern`. */
export function expectWarning(pattern: RegExp): void {
  expected.push(pattern);
}

/** Process warnings that this test file did not declare. The next file begins with none. */
export function takeWarnings(): string[] {
  const unexpected = seen.splice(0).filter((text) => !expected.some((pattern) => pattern.test(text)));
  expected = [];
  return unexpected;
}
