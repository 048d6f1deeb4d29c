// `lib/diagnostics` tells subscribers of `node:diagnostics_channel` what happens. It imports the types of
// stores and the errors, and all parts of the library may import it.
import { type Channel, channel, type TracingChannel, tracingChannel } from "node:diagnostics_channel";
import type { DiagnosticsEvents, OperationContext } from "./events.ts";

/** The channel of each event, by its name without `wa-vault:`. */
export const channels: { readonly [Name in keyof DiagnosticsEvents as ShortName<Name>]: Channel } = {
  save: channel("wa-vault:save"),
  restore: channel("wa-vault:restore"),
  lease: channel("wa-vault:lease"),
  mark: channel("wa-vault:mark"),
  rollback: channel("wa-vault:rollback"),
  delete: channel("wa-vault:delete"),
  prune: channel("wa-vault:prune"),
  rekey: channel("wa-vault:rekey"),
  copy: channel("wa-vault:copy"),
  records: channel("wa-vault:records"),
  link: channel("wa-vault:link"),
  error: channel("wa-vault:error"),
  blob: channel("wa-vault:blob"),
};

/** The begin and the end of each call, for spans. */
export const operations: TracingChannel<unknown, OperationContext> = tracingChannel("wa-vault:operation");

const all: readonly Channel[] = Object.values(channels);

type ShortName<Name extends string> = Name extends `wa-vault:${infer Short}` ? Short : never;
type EventOf<Name extends keyof typeof channels> = DiagnosticsEvents[`wa-vault:${Name}`];

/** Whether anybody listens to any of the channels. */
export function isWatched(): boolean {
  return operations.hasSubscribers || all.some(({ hasSubscribers }) => hasSubscribers);
}

/** Publishes the message that `make` makes, if anybody listens: without a subscriber no message is made. */
export function tell<Name extends keyof typeof channels>(name: Name, make: () => EventOf<Name>): void {
  const { [name]: to } = channels;
  if (to.hasSubscribers) to.publish(make());
}
