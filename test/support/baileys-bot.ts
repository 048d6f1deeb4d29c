import type { UserFacingSocketConfig, WASocket } from "baileys";
import type { Baileys, OpenState } from "./baileys.ts";
import { EventLog } from "./events.ts";
import { silentLogger } from "./whatsapp-server/silent-logger.ts";

export interface BaileysBotOptions {
  baileys: Baileys;
  /** A `WhatsAppServer`, or what is needed of one in another process. */
  server: { readonly url: string; readonly phone: { link(qr: string): Promise<unknown> } };
  /** Opens the state that the bot is to use. It is called again for each new socket of the bot. */
  openState(): Promise<OpenState>;
  /** Further options of the sockets. */
  config?: Partial<UserFacingSocketConfig>;
}

/** The status with which WhatsApp tells a client to connect again, which it does after it was linked. */
const RESTART_REQUIRED = 515;

/** A bot as people write it: a socket, its credentials saved at each update, and a new socket when WhatsApp asks for one. */
export class BaileysBot {
  /**
   * `qr` with the code, `open` (once it is up to date), `close` with the status, and each incoming message as
   * `message <text>`. Ends when the bot fails.
   */
  readonly events: EventLog = new EventLog();
  readonly #options: BaileysBotOptions;
  #opened: OpenState | undefined;
  #sock: WASocket | undefined;
  readonly #saves: Promise<void>[] = [];

  private constructor(options: BaileysBotOptions) {
    this.#options = options;
  }

  static async start(options: BaileysBotOptions): Promise<BaileysBot> {
    const bot = new BaileysBot(options);
    await bot.#connect();
    return bot;
  }

  /** The socket of now. */
  get sock(): WASocket {
    if (!this.#sock) throw new Error("the bot has no socket");
    return this.#sock;
  }

  get opened(): OpenState {
    if (!this.#opened) throw new Error("the bot has no state");
    return this.#opened;
  }

  /** Links the bot to the server's phone, with the QR code. Resolves once it is open. */
  async link(): Promise<void> {
    const { values } = await this.events.until("qr");
    await this.#options.server.phone.link(String(values[0]));
    await this.events.until("open");
  }

  /** Resolves once a message with this text has come in. */
  async received(text: string): Promise<void> {
    await this.events.until(`message ${text}`);
  }

  async send(jid: string, text: string): Promise<void> {
    await this.sock.sendMessage(jid, { text });
  }

  /** Ends the socket, and closes the state. */
  async end(): Promise<void> {
    await this.sock.end(undefined);
    await this.events.until("close");
    await Promise.all(this.#saves);
    await this.opened.close?.();
  }

  #save(opened: OpenState): void {
    const save = opened.saveCreds();
    save.catch((error: Error) => this.events.end(error));
    this.#saves.push(save);
  }

  async #connect(): Promise<void> {
    const { baileys, server, openState, config } = this.#options;
    const opened = await openState();
    const sock = baileys.makeWASocket({
      waWebSocketUrl: server.url,
      auth: opened.state,
      ...(opened.getMessage ? { getMessage: opened.getMessage } : {}),
      logger: silentLogger,
      // A query that is on its way when the socket ends would fail a minute later, in the middle of another test.
      defaultQueryTimeoutMs: undefined,
      ...baileys.offline,
      ...config,
    });
    this.#opened = opened;
    this.#sock = sock;
    if (opened.bind) opened.bind(sock);
    else sock.ev.on("creds.update", () => this.#save(opened));
    sock.ev.on("messages.upsert", ({ messages }) => {
      for (const { key, message } of messages) {
        const text = message?.conversation || message?.extendedTextMessage?.text;
        if (text && !key.fromMe) this.events.add(`message ${text}`, [key]);
      }
    });
    let isOpen = false;
    let isUpToDate = false;
    sock.ev.on("connection.update", ({ qr, connection, lastDisconnect, receivedPendingNotifications }) => {
      if (qr) this.events.add("qr", [qr]);
      isOpen ||= connection === "open";
      isUpToDate ||= receivedPendingNotifications === true;
      // A socket that is ended before it is up to date fails in the background: Baileys answers what it is told last.
      if ((connection === "open" || receivedPendingNotifications) && isOpen && isUpToDate) this.events.add("open", []);
      if (connection !== "close") return;
      const status = (lastDisconnect?.error as { output?: { statusCode: number } } | undefined)?.output?.statusCode;
      if (status === RESTART_REQUIRED) this.#connect().catch((error: Error) => this.events.end(error));
      else this.events.add("close", [status]);
    });
  }
}
