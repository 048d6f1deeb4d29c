// What a listing of sessions can rely on.
import { describe, expectTypeOf, it } from "vitest";
import type { SessionState } from "../../lib/store.ts";

describe("the state of a session", () => {
  it("has a kind, or none while nothing is saved", () => {
    expectTypeOf<SessionState["kind"]>().toEqualTypeOf<"profile" | "records" | undefined>();
    // A store that keeps nothing but profiles says nothing.
    expectTypeOf<{ entry: number; epoch: number; generations: [] }>().toExtend<SessionState>();
  });
});
