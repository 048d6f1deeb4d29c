import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitAtMost, withDeadline, withSignal } from "../../lib/async/deadline.ts";
import { gate } from "../support/gate.ts";

const reason = new Error("stopped");
const expired = (cause: unknown): Error => new Error("too late", { cause });
const never = (): Promise<never> => new Promise(() => {});

/** Resolves after the microtasks and Node's check for unhandled rejections. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let unhandled: unknown[];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled = [];
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
});

describe("withSignal", () => {
  it("resolves and rejects as the work does, with a signal and without", async () => {
    const { signal } = new AbortController();
    for (const given of [signal, undefined]) {
      expect(await withSignal(Promise.resolve(1), given)).toBe(1);
      expect(await withSignal(async () => 2, given)).toBe(2);
      await expect(withSignal(Promise.reject(reason), given)).rejects.toBe(reason);
    }
  });

  it("rejects at once when the signal aborts, and keeps the later rejection of the work handled", async () => {
    const controller = new AbortController();
    const held = gate();
    const work = held.opened.then(() => {
      throw new Error("failed later");
    });
    const waiting = withSignal(work, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    held.open();
    await turn();
    expect(unhandled).toEqual([]);
  });

  it("keeps the rejection of work handled when the signal has aborted before", async () => {
    const work = Promise.reject(new Error("failed"));
    await expect(withSignal(work, AbortSignal.abort(reason))).rejects.toBe(reason);
    await turn();
    expect(unhandled).toEqual([]);
  });

  it("rejects when the work aborts the signal while it begins, and never ends", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const work = (): Promise<never> => {
      controller.abort(reason);
      return new Promise(() => {});
    };
    await expect(withSignal(work, controller.signal)).rejects.toBe(reason);
  });

  it("does not begin work when the signal has aborted before", async () => {
    let begun = false;
    const work = async (): Promise<void> => {
      begun = true;
    };
    await expect(withSignal(work, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(begun).toBe(false);
  });
});

describe("withDeadline", () => {
  it("resolves with the result of the work", async () => {
    expect(await withDeadline({ limitMs: 60_000, expired }, async () => "done")).toBe("done");
  });

  it("throws what the work threw", async () => {
    await expect(withDeadline({ limitMs: 60_000, expired }, () => Promise.reject(reason))).rejects.toBe(reason);
  });

  it("aborts the work's signal when the time is over, and throws the error of `expired`", async () => {
    let seen: unknown;
    const work = withDeadline({ limitMs: 1, expired }, async (limited) => {
      await withSignal(never(), limited).catch((cause: unknown) => {
        seen = cause;
        throw cause;
      });
    });
    await expect(work).rejects.toThrow("too late");
    expect(seen).toMatchObject({ name: "TimeoutError", message: "No end within 1 ms." });
  });

  it("does not begin work when its signal has aborted before", async () => {
    let begun = false;
    const work = withDeadline({ limitMs: 60_000, expired, signal: AbortSignal.abort(reason) }, async () => {
      begun = true;
    });
    await expect(work).rejects.toBe(reason);
    expect(begun).toBe(false);
  });

  it("aborts the work with the signal's reason when the signal aborts meanwhile", async () => {
    const controller = new AbortController();
    const work = withDeadline({ limitMs: 60_000, expired, signal: controller.signal }, (limited) =>
      withSignal(never(), limited),
    );
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
  });

  it("returns the result of work that ends after the deadline and does not heed its signal", async () => {
    const work = withDeadline({ limitMs: 1, expired }, async (limited) => {
      await new Promise((resolve) => limited.addEventListener("abort", resolve));
      return "late";
    });
    expect(await work).toBe("late");
  });
});

describe("waitAtMost", () => {
  it("ends with the work, also when the work fails", async () => {
    const held = gate();
    let hasEnded = false;
    const waiting = waitAtMost(2 ** 31 - 1, held.opened).then(() => {
      hasEnded = true;
    });
    await turn();
    expect(hasEnded).toBe(false);
    held.open();
    await waiting;
    await waitAtMost(2 ** 31 - 1, Promise.reject(reason));
    await turn();
    expect(unhandled).toEqual([]);
  });

  it("ends without the work after its time, and keeps a later failure handled", async () => {
    const held = gate();
    const work = held.opened.then(() => {
      throw reason;
    });
    await waitAtMost(1, work);
    held.open();
    await turn();
    expect(unhandled).toEqual([]);
  });
});
