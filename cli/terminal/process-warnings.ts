import { withoutSecretParameters } from "../../address/parameters.ts";
import { safeMessage } from "../../lib/errors.ts";
import { safeLine } from "./width.ts";

/** A warning as Node shows it: `code` and `detail` are there when `process.emitWarning` was given them. */
type Warning = Error & { code?: unknown; detail?: unknown };

/**
 * Keeps out of what is shown of warnings of this process (`process.emitWarning`) what a terminal would obey, and what is secret:
 * libraries warn with the addresses that they were given, and Node itself does (DEP0170). Whether, how and where they are shown
 * stays Node's: `NODE_NO_WARNINGS`, `--trace-warnings`, `--redirect-warnings`, `--disable-warning`.
 */
export function makeWarningsSafe(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    const safe = safeWarning(warning);
    for (const listener of listeners) listener.call(process, safe);
  });
}

/** A warning for people. A line break in it begins no line that looks like one of the command. */
export function safeWarning(warning: Warning): Warning {
  const { name, message, stack, code, detail } = warning;
  const safe: Warning = new Error(safeLine(withoutSecrets(message), false));
  safe.name = safeLine(withoutSecrets(name), false);
  safe.stack = safeLine(withoutSecrets(stack ?? ""), false);
  if (typeof code === "string") safe.code = safeLine(withoutSecrets(code), false);
  if (typeof detail === "string") safe.detail = `  ${safeLine(withoutSecrets(detail), false)}`;
  return safe;
}

function withoutSecrets(text: string): string {
  return withoutSecretParameters(safeMessage(text));
}
