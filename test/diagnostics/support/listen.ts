import { onTestFinished } from "vitest";
import type { DiagnosticsEvents, SessionEvent } from "../../../lib/diagnostics/events.ts";
import { onVaultEvent } from "../../../lib/diagnostics/on-vault-event.ts";

type Name = keyof DiagnosticsEvents;
/** A message, with the name of its channel without `wa-vault:`. */
export type Told = { readonly on: string } & Partial<SessionEvent> & Readonly<Record<string, unknown>>;

export const EVENTS: readonly Name[] = [
  "wa-vault:save",
  "wa-vault:restore",
  "wa-vault:lease",
  "wa-vault:mark",
  "wa-vault:rollback",
  "wa-vault:delete",
  "wa-vault:prune",
  "wa-vault:rekey",
  "wa-vault:copy",
  "wa-vault:records",
  "wa-vault:link",
  "wa-vault:error",
  "wa-vault:blob",
];

/** Calls `listener` with each message of a channel until the test has ended. */
export function on<N extends Name>(name: N, listener: (message: DiagnosticsEvents[N]) => unknown): void {
  onTestFinished(onVaultEvent(name, listener));
}

/** All messages of these channels until the test has ended, in order. @default all but those of single requests */
export function listen(names: readonly Name[] = EVENTS.filter((name) => name !== "wa-vault:blob")): Told[] {
  const told: Told[] = [];
  for (const name of names) on(name, (message) => told.push({ on: name.replace("wa-vault:", ""), ...message }));
  return told;
}

/** One line for each message: the channel, and what has changed or the code of the error. */
export function inShort(told: readonly Told[]): string[] {
  return told.map(({ on: name, change, operation, code, as, form, next }) =>
    [name, operation, change ?? as ?? form ?? next, code].filter((part) => part !== undefined).join(" "),
  );
}
