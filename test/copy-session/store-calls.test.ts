import { describe, expect, it } from "vitest";
import { StoreCalls, skippedOf } from "../../lib/copy-session/store-calls.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionStore } from "../../lib/store.ts";
import { gate } from "../support/gate.ts";

const session = "RemoteAuth-a";
const calls = (signal?: AbortSignal): StoreCalls => new StoreCalls(session, signal);

function storeThatAnswers(answer: unknown): SessionStore {
  return { sessionExists: async () => answer } as unknown as SessionStore;
}

describe("an error of a store", () => {
  it("is thrown as it is when it is a VaultError", async () => {
    const error = new VaultError("DENIED", "no");
    await expect(calls().ask("read", () => Promise.reject(error))).rejects.toBe(error);
  });

  it("is UNAVAILABLE when it is any other, also one that is thrown at once", async () => {
    const cause = new Error("reset");
    const fail = (): never => {
      throw cause;
    };
    const message = `Could not read (${session}): reset`;
    await expect(calls().ask("read", fail)).rejects.toMatchObject({ code: "UNAVAILABLE", message, cause });
  });

  it("is CANCELLED when it says that the call was aborted", async () => {
    const cause = new DOMException("This operation was aborted", "AbortError");
    await expect(calls().ask("read", () => Promise.reject(cause))).rejects.toMatchObject({
      code: "CANCELLED",
      retryable: false,
      cause: { name: "AbortError", message: cause.message },
    });
  });
});

describe("the existence of a session", () => {
  it.each([true, false])("is %s when the store answers so", async (answer) => {
    expect(await calls().exists(storeThatAnswers(answer), session)).toBe(answer);
  });

  it.each([undefined, null, 1, "true"])("is unknown when the store answers %j", async (answer) => {
    await expect(calls().exists(storeThatAnswers(answer), session)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("a signal", () => {
  it("that has aborted before makes no call", async () => {
    const reason = new Error("enough");
    let count = 0;
    await expect(calls(AbortSignal.abort(reason)).ask("read", () => count++)).rejects.toBe(reason);
    expect(count).toBe(0);
  });

  it("ends the wait for an answer, and work after the answers waits for it", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const answered = gate();
    const asked = calls(controller.signal);
    const call = asked.ask("read", () => answered.opened);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    let isDone = false;
    const done = gate();
    await asked.afterAnswers(async () => {
      isDone = true;
      done.open();
    });
    expect(isDone).toBe(false);
    answered.open();
    await done.opened;
  });
});

describe("work after the answers", () => {
  it("is awaited when every store has answered", async () => {
    const asked = calls();
    await asked.ask("read", () => 1);
    let isDone = false;
    await asked.afterAnswers(async () => {
      isDone = true;
    });
    expect(isDone).toBe(true);
  });
});

describe("the generations that a store skipped", () => {
  it.each([undefined, null, "text", {}, { skipped: 1 }])("are none in the answer %j", (answer) => {
    expect(skippedOf(answer)).toEqual([]);
  });

  it("are those of a vault's report", () => {
    const skipped = [{ generation: 7, code: "CORRUPT" }];
    expect(skippedOf({ skipped })).toBe(skipped);
  });
});
