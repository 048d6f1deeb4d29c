import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { invalidOption } from "../errors.ts";
import { channels } from "./channels.ts";
import type { DiagnosticsEvents } from "./events.ts";

/**
 * Calls `listener` with each message of a channel, as `subscribe` of `node:diagnostics_channel` does, with its type. An
 * exception of the listener is an uncaught one, and breaks no call of the library.
 * @returns a function that ends it
 * @throws `INVALID` when there is no such channel
 */
export function onVaultEvent<Name extends keyof DiagnosticsEvents>(
  name: Name,
  listener: (message: DiagnosticsEvents[Name]) => void,
): () => void {
  const names: unknown[] = Object.values(channels).map((one) => one.name);
  if (!names.includes(name)) throw invalidOption("name", `one of ${names.join(", ")}`, name);
  const heard = (message: unknown): void => listener(message as DiagnosticsEvents[Name]);
  subscribe(name, heard);
  return () => void unsubscribe(name, heard);
}
