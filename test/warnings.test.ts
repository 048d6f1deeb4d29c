import { afterEach, expect, it, vi } from "vitest";
import { warningListener } from "../lib/warnings.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

it("a listener that throws interrupts nothing: its exception is thrown in a turn of its own", () => {
  const failure = new Error("the listener is broken");
  const warn = warningListener(() => {
    throw failure;
  });
  let thrown = (): void => {};
  // For this call only: everything else in the process needs the real one.
  const nextTick = vi.spyOn(process, "nextTick").mockImplementation((callback) => {
    thrown = callback as () => void;
  });
  try {
    warn("a warning");
  } finally {
    nextTick.mockRestore();
  }
  expect(thrown).toThrow(failure);
});

it("without a listener a warning is a process warning", () => {
  const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  warningListener(undefined)("a warning");
  expect(emitted).toHaveBeenCalledWith("a warning", "WaVaultWarning");
});

it("a listener that is no function is refused", () => {
  expect(() => warningListener("console.log" as never)).toThrow("`onWarning`");
});
