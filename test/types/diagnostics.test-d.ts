import { expectTypeOf, it } from "vitest";
import {
  type BlobEvent,
  type ErrorEvent,
  type LeaseEvent,
  type OperationContext,
  onVaultEvent,
  type RecordsEvent,
  type SaveEvent,
} from "wa-vault";

it("a message has the type of its channel", () => {
  onVaultEvent("wa-vault:save", (save) => {
    expectTypeOf(save).toEqualTypeOf<SaveEvent>();
    expectTypeOf(save.bytesSent).toBeNumber();
    expectTypeOf(save.epoch).toEqualTypeOf<number | undefined>();
    // @ts-expect-error: what a subscriber hears is not for it to change
    save.generation = 1;
  });
  onVaultEvent("wa-vault:error", (error) => {
    expectTypeOf(error).toEqualTypeOf<ErrorEvent>();
    expectTypeOf(error.code).toBeString();
    // @ts-expect-error: a message may name folders and hosts
    error.message;
  });
  // @ts-expect-error: no such channel
  onVaultEvent("wa-vault:saved", () => {});
});

it("changes are a closed set of words", () => {
  expectTypeOf<LeaseEvent["change"]>().toEqualTypeOf<
    "waiting" | "acquired" | "overdue" | "lost" | "released" | "broken"
  >();
  expectTypeOf<RecordsEvent["change"]>().toEqualTypeOf<"opened" | "set" | "folded">();
  expectTypeOf<BlobEvent["session"]>().toEqualTypeOf<string | undefined>();
  // It may be credentials.
  expectTypeOf<OperationContext>().not.toHaveProperty("result");
});
