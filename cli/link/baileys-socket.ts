import { VaultError } from "../../lib/errors.ts";

/** The part of a socket that is used. */
export interface Socket {
  readonly ev: { on(event: string, listener: (update: Update) => void): unknown };
  readonly ws?: { on?(event: string, listener: (node: unknown) => void): unknown };
  requestPairingCode(phone: string): Promise<string>;
  end(error: Error | undefined): unknown;
}

/** What a socket tells of its connection. */
export interface Update {
  readonly qr?: string;
  readonly connection?: "connecting" | "open" | "close";
  readonly receivedPendingNotifications?: boolean;
  readonly lastDisconnect?: { readonly error?: Error & { readonly output?: { readonly statusCode?: number } } };
}

/** `makeWASocket`. */
export type MakeSocket = (config: object) => Socket;

/** The names of a node and of what is in it. */
export function tagsOf(node: unknown): string {
  const { tag = "", attrs = {}, content } = Object(node) as { tag?: string; attrs?: object; content?: unknown };
  const inner = Array.isArray(content) ? content.map(tagsOf) : [];
  return [tag, ...Object.values(attrs), ...inner].join(" ");
}

/** For an account that no bot of Baileys can link. */
export function passkeyWanted(): VaultError {
  return new VaultError("DENIED", "WhatsApp asks for a passkey, which Baileys cannot give.", {
    hint: "Nothing was stored. Accounts that must use a passkey are linked in a browser: leave `--baileys` out, and run the bot with whatsapp-web.js.",
  });
}

/** The end of a socket that neither is open nor is to be made anew. */
export function endOfSocket(status: number | undefined, cause: Error | undefined, isLinked: boolean): VaultError {
  const why = cause?.message ?? "the connection was closed";
  if (status === 401 || status === 403) {
    return new VaultError("DENIED", `WhatsApp has refused the device: ${why} (${status}).`, { cause });
  }
  const what = isLinked ? "WhatsApp ended the connection" : "No phone has linked";
  const hint = isLinked ? "Start the bot: the session is stored." : "Nothing was stored. Run the command again.";
  return new VaultError("UNAVAILABLE", `${what}: ${why}${status === undefined ? "" : ` (${status})`}.`, {
    cause,
    hint,
  });
}

/** A logger as Baileys wants one. What it would tell is for its developers. */
export const SILENT: object = {
  level: "silent",
  child: () => SILENT,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
};
