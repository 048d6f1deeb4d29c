import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../../lib/blobs.ts";
import { VaultError } from "../../../lib/errors.ts";

/** What a test does to one call: `go` makes it. */
export type Intercept = <T>(call: string, key: string, go: () => Promise<T>) => Promise<T>;

/** A backend that notes every request, and lets a test come between. */
export class Requests implements BlobStore {
  /** E.g. `put RemoteAuth-bot/log/0000000000000001`. */
  readonly log: string[] = [];
  /** Bytes that were put. */
  bytesPut = 0;
  /** Chunks whose bytes are in memory on their way to the backend, and the most there were at once. */
  underWay = 0;
  most = 0;
  intercept: Intercept = (_call, _key, go) => go();
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  traits(options?: CallOptions): Promise<BlobTraits> {
    return this.#blobs.traits(options);
  }

  get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#note("get", key, () => this.#blobs.get(key, options));
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    this.bytesPut += bytes.length;
    this.most = Math.max(this.most, ++this.underWay);
    try {
      await this.#note("put", key, () => this.#blobs.put(key, bytes, options));
    } finally {
      this.underWay--;
    }
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    this.log.push(`list ${prefix}`);
    return this.#blobs.list(prefix, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#note("delete", keys.join(" "), () => this.#blobs.delete(keys, options));
  }

  /** From now on nothing comes between. */
  passAll(): void {
    this.intercept = (_call, _key, go) => go();
  }

  /** Requests since the last call of this. */
  take(): string[] {
    return this.log.splice(0);
  }

  #note<T>(call: string, key: string, go: () => Promise<T>): Promise<T> {
    this.log.push(`${call} ${key}`);
    return this.intercept(call, key, go);
  }
}

/** A request that is on its way. */
export interface Late {
  /** Whether one was sent that has not arrived yet. */
  readonly isPending: boolean;
  /** Lets it arrive, once. */
  arrive(): Promise<void>;
}

export function outage(): VaultError {
  return new VaultError("UNAVAILABLE", "away");
}

/** From now on every call, or every one of this name, fails and does nothing. */
export function failAll(requests: Requests, name?: string): void {
  requests.intercept = (call, _key, go) => (name === undefined || call === name ? Promise.reject(outage()) : go());
}

/** From now on every entry is stored, and its writer gets no answer. */
export function loseAnswers(requests: Requests): void {
  requests.intercept = async (call, key, go) => {
    const result = await go();
    if (isEntryPut(call, key)) throw outage();
    return result;
  };
}

/** From now on the put of every entry, from the `first` on, fails; the last one of them arrives when it is told to. */
export function holdBack(requests: Requests, { first = 1 }: { first?: number } = {}): Late {
  let entries = 0;
  let pending: (() => Promise<unknown>) | undefined;
  requests.intercept = async (call, key, go) => {
    if (!isEntryPut(call, key) || ++entries < first) return go();
    pending = go;
    throw outage();
  };
  return {
    get isPending() {
      return pending !== undefined;
    },
    async arrive() {
      const go = pending;
      if (!go) throw new Error("no entry is on its way");
      pending = undefined;
      await go();
    },
  };
}

export function isEntryPut(call: string, key: string): boolean {
  return call === "put" && key.includes("/log/");
}
