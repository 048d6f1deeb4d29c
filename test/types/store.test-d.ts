// What a listing of sessions can rely on.
import { describe, expectTypeOf, it } from "vitest";
import type { VaultError } from "../../lib/errors.ts";
import type { GenerationInfo, ProfileStore, SessionState } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";

describe("the state of a session", () => {
  it("has a kind, or none while nothing is saved", () => {
    expectTypeOf<SessionState["kind"]>().toEqualTypeOf<"profile" | "records" | undefined>();
    // A store that keeps nothing but profiles says nothing.
    expectTypeOf<{ entry: number; epoch: number; generations: [] }>().toExtend<SessionState>();
  });
});

describe("a listing of sessions", () => {
  it("has names, and with `details` facts or a problem, which can be taken apart", async () => {
    const store = null as unknown as Vault;
    expectTypeOf(store).toExtend<ProfileStore>();
    expectTypeOf(store.sessions()).toEqualTypeOf<AsyncGenerator<string>>();
    const listing = async (): Promise<void> => {
      for await (const { session, problem, generations, saved } of store.sessions({ details: true })) {
        expectTypeOf(session).toEqualTypeOf<string>();
        if (problem) expectTypeOf(problem).toEqualTypeOf<VaultError>();
        else expectTypeOf(generations).toEqualTypeOf<number>();
        expectTypeOf(saved).toEqualTypeOf<GenerationInfo | undefined>();
      }
    };
    expectTypeOf(listing).toBeFunction();
  });
});
