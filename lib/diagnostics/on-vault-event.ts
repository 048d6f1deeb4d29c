import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { invalidOption } from "../errors.ts";
import { channels } from "./channels.ts";
import type { DiagnosticsEvents } from "./events.ts";

/**
 * Calls `listener` with each message of a channel, as `subscribe` of `node:diagnostics_channel` does, with its type. When the
 * listener throws, or returns a promise that rejects, that becomes a process warning (`WaVaultWarning`), which names the
 * channel and the kind of the error, and not its text; it breaks no call of the library. The same again is not told again.
 * @returns a function that ends it
 * @throws `INVALID` when there is no such channel
 */
export function onVaultEvent<Name extends keyof DiagnosticsEvents>(
  name: Name,
  listener: (message: DiagnosticsEvents[Name]) => unknown,
): () => void {
  const names: unknown[] = Object.values(channels).map((one) => one.name);
  if (!names.includes(name)) throw invalidOption("name", `one of ${names.join(", ")}`, name);
  let told = "";
  const failed = (error: unknown): void => {
    const { kind, frames } = factsOf(error);
    if (kind + frames === told) return;
    told = kind + frames;
    const message = `A listener of ${name} has failed (${kind}). What it was told of goes on.`;
    process.emitWarning(message, { type: "WaVaultWarning", ...(frames === "" ? {} : { detail: frames }) });
  };
  const heard = (message: unknown): void => {
    try {
      const result = listener(message as DiagnosticsEvents[Name]);
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  };
  subscribe(name, heard);
  return () => void unsubscribe(name, heard);
}

/** The kind of an error, and where it was made. Its text may be anything: the answer of a server, with a token in it. */
function factsOf(error: unknown): { readonly kind: string; readonly frames: string } {
  if (!(error instanceof Error)) return { kind: error === null ? "null" : typeof error, frames: "" };
  const { message, stack = "" } = error;
  const kind = error.constructor.name || "Error";
  const end = stack.indexOf(message);
  const rest = end < 0 ? "" : stack.slice(end + message.length);
  return { kind, frames: rest.slice(rest.indexOf("\n") + 1) };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
