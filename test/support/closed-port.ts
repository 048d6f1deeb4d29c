/** A port on which no process listens, now or while a test runs: a free one might be taken by another test's server. */
export const CLOSED_PORT = 1;
