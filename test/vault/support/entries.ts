import type { Generation, LogState } from "../../../lib/vault/entry.ts";

/** A kept generation with this number. */
export function generation(n: number, more: Partial<Generation> = {}): Generation {
  return { n, id: `id ${n}`, at: n, bytes: 1, files: 1, ...more };
}

/** The state after a save that is entry 9 and current; generations 7 and 9 are kept. */
export function stateOf(more: Partial<LogState> = {}): LogState {
  const live = [generation(7), generation(9)];
  return {
    n: 9,
    id: "id 9",
    epoch: 2,
    kind: "save",
    by: "a:1",
    at: 9,
    content: 9,
    live,
    dead: [3],
    salt: "5a",
    ...more,
  };
}
