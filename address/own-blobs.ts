import { inspect } from "node:util";
import type { BlobStore, CallOptions } from "../lib/blobs.ts";
import { isVaultError, VaultError } from "../lib/errors.ts";
import type { OpenedBlobs } from "./scheme.ts";

/** Blobs that can be closed. */
export interface OwnBlobs extends BlobStore {
  /** Ends the calls that are under way, then the client. Twice is fine. */
  close(): Promise<void>;
}

/** A shorter one occurs in words. */
const LEAST_SECRET = 4;

/**
 * Blobs that own their client: they wait until it is connected, end what runs when they are closed, and let no secret of the
 * address out in an error of a library.
 * @param name the address for people. @param secrets texts of the address that nobody may see
 */
export function ownBlobs({ blobs, connected, close }: OpenedBlobs, name: string, secrets: readonly string[]): OwnBlobs {
  const running = new Set<AbortController>();
  let closing: Promise<void> | undefined;

  const begin = (outer: AbortSignal | undefined): { signal: AbortSignal; end: () => void } => {
    if (closing !== undefined) throw closed(name);
    outer?.throwIfAborted();
    const controller = new AbortController();
    const abort = (): void => controller.abort(outer?.reason);
    outer?.addEventListener("abort", abort, { once: true });
    running.add(controller);
    const end = (): void => {
      running.delete(controller);
      outer?.removeEventListener("abort", abort);
    };
    return { signal: controller.signal, end };
  };

  const call = async <T>(options: CallOptions | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { signal, end } = begin(options?.signal);
    try {
      await connected?.(signal);
      return await work(signal);
    } catch (error) {
      throw signal.aborted ? signal.reason : withoutSecrets(error, secrets);
    } finally {
      end();
    }
  };

  return {
    keepsNoBuffers: blobs.keepsNoBuffers ?? false,
    name,
    traits: (options) => call(options, (signal) => blobs.traits({ ...options, signal })),
    get: (key, options) => call(options, (signal) => blobs.get(key, { ...options, signal })),
    put: (key, bytes, options) => call(options, (signal) => blobs.put(key, bytes, { ...options, signal })),
    delete: (keys, options) => call(options, (signal) => blobs.delete(keys, { ...options, signal })),
    list: async function* (prefix, options) {
      const { signal, end } = begin(options?.signal);
      try {
        await connected?.(signal);
        yield* blobs.list(prefix, { ...options, signal });
      } catch (error) {
        throw signal.aborted ? signal.reason : withoutSecrets(error, secrets);
      } finally {
        end();
      }
    },
    close: () => {
      closing ??= (async () => {
        for (const one of running) one.abort(closed(name));
        await close();
      })();
      return closing;
    },
  };
}

function closed(name: string): VaultError {
  return new VaultError("CANCELLED", `The store ${name} was closed.`);
}

/** The error, or where it has a secret in it, whatever the library has put there, a copy without. */
function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  const told = secrets.filter((one) => one.length >= LEAST_SECRET);
  const whole = told.length === 0 ? "" : inspect(error, { depth: 8, showHidden: true });
  if (!told.some((one) => whole.includes(one))) return error;
  const clean = (text: string): string => told.reduce((left, one) => left.replaceAll(one, "***"), text);
  if (!isVaultError(error)) return new Error(clean(error instanceof Error ? error.message : String(error)));
  const { code, message, hint, retryable } = error;
  return new VaultError(code, clean(message), { hint: hint && clean(hint), retryable });
}
