/** What a suite needs of a test runner: vitest, node:test, mocha and jest all have it. */
export interface Runner {
  /** Groups tests. */
  describe(name: string, define: () => void): unknown;
  /** Defines a test. */
  it(name: string, test: () => Promise<void> | void): unknown;
}

/** Tests that an implementation cannot pass, and why. */
export interface Skip {
  /** Why they cannot pass. */
  readonly reason: string;
  /** Names of tests, exactly. */
  readonly tests: readonly string[];
}

/** What every suite takes. */
export interface SuiteOptions<T> {
  /** Names the implementation. */
  readonly name: string;
  /** A new, empty one for each test. */
  readonly open: () => Promise<T> | T;
  /** Tests to leave out. @default none */
  readonly skip?: readonly Skip[];
}

/** An implementation under test, and how to let go of it. */
export interface Opened {
  /** Called after the test, whatever has happened. */
  close?(): Promise<void> | void;
}

/** Defines tests that open an implementation each, and close it whatever happens. */
export function suite<T extends Opened>(
  { describe, it }: Runner,
  what: string,
  { name, open, skip = [] }: SuiteOptions<T>,
  tests: Readonly<Record<string, (opened: T) => Promise<void>>>,
): void {
  const skipped = new Map(skip.flatMap(({ reason, tests }) => tests.map((test) => [test, reason] as const)));
  for (const test of skipped.keys()) {
    if (!(test in tests)) throw new Error(`There is no test "${test}" in the ${what} suite to skip.`);
  }
  describe(`${name}: ${what}`, () => {
    for (const [title, test] of Object.entries(tests)) {
      const reason = skipped.get(title);
      if (reason !== undefined) {
        console.info(`skipped, ${name}: ${title}: ${reason}`);
        continue;
      }
      it(title, async () => {
        const opened = await open();
        try {
          await test(opened);
        } finally {
          await opened.close?.();
        }
      });
    }
  });
}
