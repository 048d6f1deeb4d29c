import { invalidOption } from "../errors.ts";

/**
 * The least that a backend's largest value may be, in bytes: entries, manifests and pieces of files are divided until they
 * fit, and below this the frames around them would take more than the content.
 */
export const LEAST_BLOB_BYTES: number = 64 * 1024;

/** Four times what any adapter sends: what is larger is no blob, and must not fill the memory of who reads it. */
export const LARGEST_BLOB_BYTES: number = 64 * 1024 * 1024;

/** The option of every adapter that says what its service takes. */
export interface MaxBlobBytes {
  /**
   * The largest value that is sent, in bytes: lower it where the service, or a proxy before it, takes less. At least 64 KiB.
   * What was stored with another value stays readable. @default the largest value that this store can send
   */
  maxBlobBytes?: number | undefined;
}

/**
 * The value of the option `maxBlobBytes`.
 * @param most the largest value that the adapter can send, in bytes; the default
 * @throws `INVALID` for a value that is no whole number, or out of bounds
 */
export function checkMaxBlobBytes(given: number | undefined, most: number): number {
  if (given === undefined) return most;
  if (Number.isSafeInteger(given) && given >= LEAST_BLOB_BYTES && given <= most) return given;
  const expected = `a whole number of bytes, at least ${LEAST_BLOB_BYTES} and at most ${most}`;
  throw invalidOption("maxBlobBytes", expected, given);
}

/** The hint of a `TOO_LARGE` of a service that takes less than the adapter sends. @param service e.g. "the server" */
export function lowerMaxBlobBytes(service: string): string {
  return (
    `Set the store's option \`maxBlobBytes\` to less than ${service} takes, for instance 524288 (512 KiB), and start again. ` +
    "The sessions that are stored stay readable (docs/stores.md)."
  );
}
