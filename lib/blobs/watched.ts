import type { BlobInfo, BlobStore, ListOptions } from "../blobs.ts";
import { channels } from "../diagnostics/channels.ts";
import type { BlobEvent } from "../diagnostics/events.ts";
import { codeOf } from "../diagnostics/observe.ts";

/** What {@link watched} takes. */
export interface WatchedOptions {
  /** Kind of the backend. */
  store: string;
  /** The session and the part of it that a key, or the prefix of a listing, belongs to. */
  placeOf: (key: string) => Pick<BlobEvent, "session" | "part">;
}

type Request = BlobEvent["request"];

const { blob: channel } = channels;

/** Tells of each request. While nobody listens, a call is passed on as it is. */
export function watched(blobs: BlobStore, options: WatchedOptions): BlobStore {
  return {
    traits: (call) =>
      channel.hasSubscribers ? told(options, "traits", [], call?.signal, () => blobs.traits(call)) : blobs.traits(call),
    get: (key, call) =>
      channel.hasSubscribers
        ? told(
            options,
            "get",
            [key],
            call?.signal,
            () => blobs.get(key, call),
            (found) => found?.length ?? 0,
          )
        : blobs.get(key, call),
    put: (key, bytes, call) => {
      if (!channel.hasSubscribers) return blobs.put(key, bytes, call);
      // Afterwards the caller may move the memory of the buffer away.
      const { length } = bytes;
      return told(
        options,
        "put",
        [key],
        call?.signal,
        () => blobs.put(key, bytes, call),
        () => length,
      );
    },
    list: (prefix, call) =>
      channel.hasSubscribers ? listTold(options, blobs, prefix, call) : blobs.list(prefix, call),
    delete: (keys, call) =>
      channel.hasSubscribers
        ? told(options, "delete", keys, call?.signal, () => blobs.delete(keys, call))
        : blobs.delete(keys, call),
  };
}

async function told<T>(
  options: WatchedOptions,
  request: Request,
  keys: readonly string[],
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  bytesOf: (result: T) => number = () => 0,
): Promise<T> {
  const began = performance.now();
  const [key] = keys;
  const tell = (bytes: number, code?: string): void =>
    publish(options, { request, key, bytes, keys: keys.length, ms: performance.now() - began, code });
  try {
    const result = await work();
    tell(bytesOf(result));
    return result;
  } catch (error) {
    tell(0, codeOf(error, signal));
    throw error;
  }
}

/** Tells once, also of a listing that its reader has left. */
async function* listTold(
  options: WatchedOptions,
  blobs: BlobStore,
  prefix: string,
  call: ListOptions | undefined,
): AsyncGenerator<BlobInfo> {
  const began = performance.now();
  let keys = 0;
  let code: string | undefined;
  try {
    for await (const info of blobs.list(prefix, call)) {
      keys++;
      yield info;
    }
  } catch (error) {
    code = codeOf(error, call?.signal);
    throw error;
  } finally {
    publish(options, { request: "list", key: prefix, bytes: 0, keys, ms: performance.now() - began, code });
  }
}

interface Ended extends Pick<BlobEvent, "request" | "bytes" | "keys" | "ms"> {
  readonly key: string | undefined;
  readonly code: string | undefined;
}

function publish({ store, placeOf }: WatchedOptions, { key, code, ...ended }: Ended): void {
  const place = key === undefined ? {} : placeOf(key);
  const event: BlobEvent = { store, ...place, ...ended, ...(code === undefined ? {} : { code }) };
  channel.publish(event);
}
