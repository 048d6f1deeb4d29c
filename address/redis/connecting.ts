import type { EventEmitter } from "node:events";
import type { RedisClient } from "../../adapters/redis/index.ts";
import { toVaultError } from "../../adapters/redis/wire.ts";
import { withSignal } from "../../lib/async/deadline.ts";

/** A client that was made for an address. */
export interface OpenedClient {
  readonly client: RedisClient;
  connected(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What the clients of both libraries have in common. */
export interface Connecting {
  readonly client: EventEmitter;
  isReady(): boolean;
  /** Begins to connect, unless it has begun. A rejection says why not; a client may try again by itself instead. */
  begin(): Promise<unknown>;
}

/**
 * Waits until a client is ready. A client itself lets calls wait, and tries to connect again and again: here the first attempt
 * that fails ends the wait with its error, so that a store that is away is told in seconds. The store asks again by itself.
 */
export function connecting({ client, isReady, begin }: Connecting): (signal: AbortSignal) => Promise<void> {
  // Each call has its own error; without a listener this one would be printed, or end the process.
  client.on("error", () => {});
  let waiting: Promise<void> | undefined;
  const ready = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (end: () => void): void => {
        client.off("ready", arrived).off("connect", arrived).off("error", failed);
        waiting = undefined;
        end();
      };
      const arrived = (): void => {
        if (isReady()) done(resolve);
      };
      const failed = (error: unknown): void => done(() => reject(toVaultError("connect", reasonOf(error))));
      client.on("ready", arrived).on("connect", arrived).on("error", failed);
      begin().then(arrived, (error) => {
        // A connection that is closed has told of its reason before.
        if (waiting !== undefined) failed(error);
      });
    });
  return async (signal) => {
    if (isReady()) return;
    waiting ??= ready();
    await withSignal(waiting, signal);
  };
}

/** The error of a node in the error of a cluster, and that of an address in the error of a name with several. */
function reasonOf(error: unknown): unknown {
  const { lastNodeError, errors } = Object(error) as { lastNodeError?: unknown; errors?: unknown[] };
  return lastNodeError ?? errors?.[0] ?? error;
}
