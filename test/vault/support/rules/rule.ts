/** One rule of the protocol, and what shows that it is needed. */
export interface Rule {
  /** Its name in FORMAT.md and in the messages of tests. */
  readonly name: string;
  /** What it says. */
  readonly says: string;
  /** How the code looks without it: in each file, the text that stands there once, and what replaces it. */
  readonly without: readonly TextChange[];
  /** The test that fails without it. */
  readonly failing: FailingTest;
}

export interface TextChange {
  /** Path from `lib/vault`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface FailingTest {
  /** Path from `test/vault`. */
  readonly file: string;
  /** The name of the test, or how it begins, without the names of its groups; of one test in the file. */
  readonly name: string;
  /** What the test says when it fails. */
  readonly says: RegExp;
  /** Of a test of schedules: the seeds that it is to run, as `WA_VAULT_SEED` has them. */
  readonly seeds?: string;
}
