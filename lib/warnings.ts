import { invalidOption } from "./errors.ts";

/** The checked `onWarning` option. @default `process.emitWarning` @throws `INVALID` when it is no function */
export function warningListener(given: ((message: string) => void) | undefined): (message: string) => void {
  if (given === undefined) return (message) => process.emitWarning(message, "WaVaultWarning");
  if (typeof given !== "function") throw invalidOption("onWarning", "a function", given);
  return (message) => callListener(() => given(message));
}

/** Calls a listener of the user. Its exception becomes an uncaught exception, and interrupts no start and no save. */
export function callListener(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
