import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isVaultError } from "../../lib/errors.ts";
import { EventStreams } from "./event-streams.ts";
import { Faults } from "./faults.ts";
import type { Access, Guessing } from "./guard.ts";
import { Guesses } from "./guesses.ts";
import { Refusal, sendError } from "./http-answer.ts";
import { LateAnswers } from "./late-answers.ts";
import { PageFiles } from "./page-files.ts";
import { QrBoard } from "./qr-board.ts";
import { answer, type Served, type ServedStore } from "./routes.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";
import { SessionDetails } from "./session-detail.ts";
import { Watcher } from "./watcher.ts";

/** What {@link StatusServer} takes. Times are milliseconds. */
export interface StatusServerOptions {
  readonly store: ServedStore;
  readonly access: Access;
  readonly everyMs: number;
  readonly olderThanMs?: number | undefined;
  /** Called with a fault of the server itself, or of a client library, and the id that viewers are told in its place. */
  readonly onFault: (id: string, fault: unknown) => void;
  /** Called with the address of whoever has shown a wrong token. */
  readonly onWrongToken: (address: string) => void;
  /** A clock that only goes forward, in milliseconds. @default `performance.now` */
  readonly now?: () => number;
  /** The answers to wrong tokens. @default those of a {@link LateAnswers} */
  readonly late?: Guessing["late"];
  /** How long a client may take to send a request. @default 20000 */
  readonly requestTimeoutMs?: number;
  /** How long a connection may stand still. @default 180000 */
  readonly silentMs?: number;
  /** As those of the watcher and the board. */
  readonly lateMs?: number;
  readonly keptMs?: { readonly qr: number; readonly code: number };
}

const REQUEST_TIMEOUT_MS = 20_000;
const MOST_CONNECTIONS = 500;
/**
 * How long a connection may stand still, in milliseconds: who takes no answer must not keep it for ever. A change may wait for a
 * minute, and streams of events say something three times in it.
 */
const SILENT_MS = 180_000;
/** How long an answer that is under way may take once the server ends, in milliseconds. */
const LAST_ANSWERS_MS = 2_000;

/** The status page, its API and its events, over HTTP. */
export class StatusServer {
  readonly server: Server;
  readonly watcher: Watcher;
  readonly #served: Served;
  readonly #ended = new AbortController();
  readonly #faults: Faults;

  private constructor(options: StatusServerOptions, files: PageFiles) {
    const { store, access, everyMs, olderThanMs, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
    this.#faults = new Faults(options.onFault);
    const late = options.lateMs === undefined ? {} : { lateMs: options.lateMs };
    this.watcher = new Watcher(store, this.#faults, { everyMs, olderThanMs, ...late });
    const about = { store: store.address, canChange: access.token !== undefined, everyMs, olderThanMs };
    const board = new QrBoard(() => streams.tellLinkRequests(), options.keptMs);
    const streams = new EventStreams(about, this.watcher, board);
    const { signal } = this.#ended;
    const details = new SessionDetails(store, this.#faults, signal);
    this.#served = {
      store,
      access,
      guessing: {
        guesses: new Guesses(options.now),
        late: options.late ?? new LateAnswers(),
        onWrong: options.onWrongToken,
      },
      about,
      watcher: this.watcher,
      details,
      streams,
      board,
      files,
      signal,
    };
    this.server = createServer(
      {
        maxHeaderSize: 16_384,
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
        keepAliveTimeout: 5_000,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.server.setTimeout(options.silentMs ?? SILENT_MS);
    this.server.maxConnections = MOST_CONNECTIONS;
  }

  static async create(options: StatusServerOptions): Promise<StatusServer> {
    return new StatusServer(options, await PageFiles.read());
  }

  /** How many have the page open. */
  get viewers(): number {
    return this.#served.streams.size;
  }

  /** Ends all streams, gives answers that are under way a moment, and stops. */
  async close(): Promise<void> {
    const { streams, board, guessing } = this.#served;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.watcher.close();
    streams.close();
    board.close();
    guessing.late.close();
    this.#ended.abort();
    this.server.closeIdleConnections();
    const timer = setTimeout(() => this.server.closeAllConnections(), LAST_ANSWERS_MS);
    await closed;
    clearTimeout(timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      await answer(this.#served, request, response);
    } catch (error) {
      const isKnown = error instanceof Refusal || isVaultError(error);
      // What fails then, fails by the end.
      const told = isKnown || !this.#ended.signal.aborted ? error : new Refusal(503, "CANCELLED", "The server ends.");
      sendError(request, response, told, this.#faults.view(told));
    }
  }
}
