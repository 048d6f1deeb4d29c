import { isVaultError, VaultError } from "../errors.ts";

/**
 * Runs one request of an adapter.
 * @param what is handed to `translate`, which makes an error of the backend one of the library.
 * @throws the reason of `signal` once that has aborted; a `VaultError` of `work` as it is.
 */
export async function request<T>(
  what: string,
  translate: (what: string, error: unknown) => unknown,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw isVaultError(error) ? error : translate(what, error);
  }
}

/** @param doing begins the message, e.g. "Redis put failed". @throws `TOO_LARGE` when `bytes` are more than `most` */
export function assertSize(doing: string, bytes: Buffer, most: number): void {
  if (bytes.length <= most) return;
  throw new VaultError("TOO_LARGE", `${doing}: ${bytes.length} bytes are more than ${most}.`);
}
