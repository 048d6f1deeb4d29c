import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "./http-answer.ts";
import type { QrBoard } from "./qr-board.ts";
import type { Snapshot, Watcher } from "./watcher.ts";

/** How many may watch at once. */
const MOST = 200;
/** What a viewer has not taken yet, in bytes, when it is cut off: it comes back, and gets all anew. */
const MOST_WAITING = 4 * 1024 * 1024;
/** How often a silent stream says something, in milliseconds: proxies cut off what says nothing for a minute. */
const SIGN_EVERY_MS = 20_000;
/** When a viewer that was cut off comes back, in milliseconds. */
const COME_BACK_MS = 3_000;

/** The streams of events of all who have the page open (Server-Sent Events). docs/status-page.md describes the events. */
export class EventStreams {
  readonly #about: object;
  readonly #watcher: Watcher;
  readonly #board: QrBoard;
  readonly #streams = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;

  /** @param about what never changes: a stream begins with it */
  constructor(about: object, watcher: Watcher, board: QrBoard) {
    this.#about = about;
    this.#watcher = watcher;
    this.#board = board;
    this.#timer = setInterval(() => this.#toAll(": still here\n\n"), SIGN_EVERY_MS).unref();
  }

  /** Sends what is known, and then what changes, until the viewer goes. */
  open(request: IncomingMessage, response: ServerResponse): void {
    const headers = {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // For nginx, which would hold events back.
      "x-accel-buffering": "no",
    };
    if (request.method === "HEAD") return void response.writeHead(200, headers).end();
    if (this.#streams.size >= MOST) {
      throw new Refusal(503, "UNAVAILABLE", `${MOST} viewers have the page open already.`);
    }
    response.writeHead(200, { ...headers, connection: "close" });
    this.#streams.add(response);
    response.write(`retry: ${COME_BACK_MS}\n\n`);
    write(response, "snapshot", {
      ...this.#about,
      ...snapshotView(this.#watcher.snapshot),
      linkRequests: this.#board.list,
    });
    const end = this.#watcher.watch(({ changed, removed, sessions: _, ...rest }) =>
      write(response, "update", { ...rest, changed, removed }),
    );
    response.once("close", () => {
      end();
      this.#streams.delete(response);
    });
  }

  /** Tells all viewers who waits for somebody to link. */
  tellLinkRequests(): void {
    this.#toAll(eventText("link-requests", { linkRequests: this.#board.list }));
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#timer);
    for (const response of this.#streams) response.end();
  }

  #toAll(text: string): void {
    for (const response of this.#streams) send(response, text);
  }
}

/** A snapshot as JSON has it. */
export function snapshotView({ sessions, ...rest }: Snapshot): object {
  return { ...rest, sessions: [...sessions.values()] };
}

function write(response: ServerResponse, name: string, data: object): void {
  send(response, eventText(name, data));
}

function send(response: ServerResponse, text: string): void {
  if (response.writableLength > MOST_WAITING) response.destroy();
  else response.write(text);
}

function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
