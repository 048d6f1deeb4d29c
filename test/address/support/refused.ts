import { inspect } from "node:util";
import { expect } from "vitest";
import { storeFromUrl } from "../../../address/store-from-url.ts";
import { VaultError, type VaultErrorCode } from "../../../lib/errors.ts";

/** What every secret in the addresses of these tests has in it. */
export const SECRET = "hush";

/** The error of an address that is refused; nothing secret is in any part of it. */
export async function refusalOf(
  address: unknown,
  { env = {}, code = "INVALID" }: { env?: Record<string, string>; code?: VaultErrorCode } = {},
): Promise<VaultError> {
  const error = await storeFromUrl(address as string, { env }).then(
    () => expect.fail(`${String(address)} was taken`),
    (error: unknown) => error as VaultError,
  );
  expect(error).toBeInstanceOf(VaultError);
  expect(error.code, error.message).toBe(code);
  expectNoSecret(error);
  return error;
}

/** Whatever way the error is printed or sent, the secret is not in it. */
export function expectNoSecret(error: VaultError): void {
  const { message, hint = "", stack = "" } = error;
  const whole = [message, hint, stack, JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join(
    "\n",
  );
  expect(whole).not.toContain(SECRET);
}
