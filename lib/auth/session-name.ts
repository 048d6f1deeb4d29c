import { VaultError } from "../errors.ts";

/** @throws `INVALID` with whatsapp-web.js's own sentence, unless `clientId` is absent, empty or a valid id. */
export function checkClientId(clientId: string | undefined): void {
  if (!clientId || (typeof clientId === "string" && /^[-_\w]+$/i.test(clientId))) return;
  const message = "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.";
  throw new VaultError("INVALID", message);
}

/**
 * The name of a client's directory, as whatsapp-web.js spells it: `session-<clientId>` for LocalAuth,
 * `RemoteAuth-<clientId>` for RemoteAuth (which is the session's name too), without the hyphen when `clientId` is
 * absent.
 */
export function sessionNameOf(prefix: "session" | "RemoteAuth", clientId: string | undefined): string {
  return clientId ? `${prefix}-${clientId}` : prefix;
}
