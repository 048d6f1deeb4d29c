import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "./http-answer.ts";
import type { QrBoard } from "./qr-board.ts";
import type { Snapshot, Update, Watcher } from "./watcher.ts";

/** How many may watch at once. */
const MOST = 200;
/**
 * What a viewer has not taken yet, in bytes, when it is cut off: it comes back, and gets all anew. What all know of the store comes
 * on top, twice: who gets that over a slow line must not be cut off for it.
 */
const MOST_WAITING = 4 * 1024 * 1024;
/** How often a silent stream says something, in milliseconds: proxies cut off what says nothing for a minute. */
const SIGN_EVERY_MS = 20_000;
/** When a viewer that was cut off comes back, in milliseconds. */
const COME_BACK_MS = 3_000;

/**
 * The streams of events of all who have the page open (Server-Sent Events). docs/status-page.md describes the events. What all
 * are told is made once, and all who are slow wait for the same bytes: their number costs no memory.
 */
export class EventStreams {
  readonly #about: object;
  readonly #watcher: Watcher;
  readonly #board: QrBoard;
  readonly #streams = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;
  #endWatch: (() => void) | undefined;
  /** What a stream begins with, for as long as that is what is known. */
  #beginning: { readonly of: Snapshot; readonly bytes: Buffer } | undefined;

  /** @param about what never changes: a stream begins with it */
  constructor(about: object, watcher: Watcher, board: QrBoard) {
    this.#about = about;
    this.#watcher = watcher;
    this.#board = board;
    this.#timer = setInterval(() => this.#toAll(Buffer.from(": still here\n\n")), SIGN_EVERY_MS).unref();
  }

  /** How many watch. */
  get size(): number {
    return this.#streams.size;
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
    response.write(this.#known());
    this.#endWatch ??= this.#watcher.watch((update) => this.#tell(update));
    response.once("close", () => {
      this.#streams.delete(response);
      if (this.#streams.size > 0) return;
      this.#endWatch?.();
      this.#endWatch = undefined;
      this.#beginning = undefined;
    });
  }

  /** Tells all viewers who waits for somebody to link. */
  tellLinkRequests(): void {
    this.#beginning = undefined;
    if (this.#streams.size > 0) this.#toAll(eventBytes("link-requests", { linkRequests: this.#board.list }));
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#timer);
    for (const response of this.#streams) response.end();
  }

  #known(): Buffer {
    const { snapshot } = this.#watcher;
    if (this.#beginning?.of === snapshot) return this.#beginning.bytes;
    const known = { ...this.#about, ...snapshotView(snapshot), linkRequests: this.#board.list };
    const bytes = eventBytes("snapshot", known);
    this.#beginning = { of: snapshot, bytes };
    return bytes;
  }

  #tell({ changed, removed, sessions: _, ...rest }: Update): void {
    this.#toAll(eventBytes("update", { ...rest, changed, removed }));
  }

  #toAll(bytes: Buffer): void {
    const most = MOST_WAITING + 2 * (this.#beginning?.bytes.length ?? 0);
    for (const response of this.#streams) {
      if (response.writableLength > most) response.destroy();
      else response.write(bytes);
    }
  }
}

/** A snapshot as JSON has it. */
export function snapshotView({ sessions, ...rest }: Snapshot): object {
  return { ...rest, sessions: [...sessions.values()] };
}

function eventBytes(name: string, data: object): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
