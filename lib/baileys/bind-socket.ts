import { setImmediate } from "node:timers/promises";
import type { BaileysSocket, MessageKey } from "./types.ts";

/** `DisconnectReason.connectionReplaced`: another client has taken the connection over. */
const REPLACED = 440;

/** What a socket is wired to. */
export interface Wiring {
  readonly lost: AbortSignal;
  /** Stores the credentials. */
  saveCreds(): Promise<void>;
  /** The socket has sent a message. `undefined`: nobody wants to know. */
  readonly onSent: ((key: MessageKey, message: unknown) => void) | undefined;
  /** The socket has ended. @param isFinal whether nobody will make another one for this session, as far as its end tells */
  onEnd(isFinal: boolean): void;
}

/** Wires a socket: first of all, it ends when the session is lost. */
export function bindSocket(socket: BaileysSocket, { lost, saveCreds, onSent, onEnd }: Wiring): void {
  const end = (): void => endSocket(socket, lost.reason);
  if (!lost.aborted) lost.addEventListener("abort", end, { once: true });
  // After the bot has added its listeners.
  else void setImmediate().then(end);
  socket.ev.on("creds.update", () => void saveCreds());
  socket.ev.on("connection.update", ({ connection, lastDisconnect }: ConnectionUpdate) => {
    if (connection !== "close") return;
    lost.removeEventListener("abort", end);
    const { error } = lastDisconnect ?? {};
    // Not a logout: the bot clears the session then, in its own time.
    const isFinal = error === undefined || error.output?.statusCode === REPLACED;
    // After the bot's own listeners, which may open the session again.
    void setImmediate().then(() => onEnd(isFinal));
  });
  // Last: it throws where the socket cannot be changed.
  if (onSent) watchSends(socket, onSent);
}

/**
 * Tells of each message that a bot sends by the socket. Not by `messages.upsert`: Baileys keeps that back while others come, 6.7
 * until one comes in, and does not tell of what is relayed.
 */
function watchSends(socket: BaileysSocket, onSent: (key: MessageKey, message: unknown) => void): void {
  const { sendMessage, relayMessage } = socket;
  if (sendMessage) {
    socket.sendMessage = async (...args) => {
      const sent = await sendMessage.apply(socket, args);
      if (sent?.key && sent.message) onSent(sent.key, sent.message);
      return sent;
    };
  }
  if (relayMessage) {
    socket.relayMessage = async (...args) => {
      const id = await relayMessage.apply(socket, args);
      const [remoteJid, message] = args;
      onSent({ id, remoteJid }, message);
      return id;
    };
  }
}

/** Ends a socket as one that another client has replaced. */
export function endSocket(socket: BaileysSocket, reason: unknown): void {
  const error = new Error(reason instanceof Error ? reason.message : String(reason), { cause: reason });
  const payload = { statusCode: REPLACED, error: "Conflict", message: error.message };
  // Handlers read the status where the package `@hapi/boom` puts it.
  void socket.end(Object.assign(error, { isBoom: true, output: { statusCode: REPLACED, payload, headers: {} } }));
}

interface ConnectionUpdate {
  readonly connection?: string;
  readonly lastDisconnect?: { readonly error?: Error & { readonly output?: { readonly statusCode?: number } } };
}
