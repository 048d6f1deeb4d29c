import { isVaultError, safeMessage } from "../lib/errors.ts";
import { hintOf } from "./hints.ts";

/** An error as programs and the status page get it. docs/command.md and docs/status-page.md describe it. */
export interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** An error for programs. */
export function errorJson(error: unknown): ErrorJson {
  if (isVaultError(error)) return { code: error.code, message: error.message, hint: hintOf(error) };
  return { code: "UNKNOWN", message: safeMessage(error) };
}
