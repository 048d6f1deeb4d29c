import type { IncomingMessage, ServerResponse } from "node:http";
import { otherSessions } from "../../lib/other-sessions.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { rollBack, undelete } from "./actions.ts";
import { type EventStreams, snapshotView } from "./event-streams.ts";
import { type Access, checkCanChange, checkHost, checkOrigin, checkToken, type Guessing } from "./guard.ts";
import { Refusal, sendJson } from "./http-answer.ts";
import type { PageFiles } from "./page-files.ts";
import type { QrBoard } from "./qr-board.ts";
import { readBody, readObject } from "./request-body.ts";
import type { SessionDetails } from "./session-detail.ts";
import type { Watcher } from "./watcher.ts";

/** A store that is served. */
export type ServedStore = Pick<Vault, "sessions" | "state" | "history" | "acquire" | "rollback" | "undelete"> & {
  readonly address: string;
};

/** What requests are answered with. */
export interface Served {
  readonly store: ServedStore;
  readonly access: Access;
  readonly guessing: Guessing;
  /** What never changes: `store`, `canChange`, `everyMs` and `olderThanMs` of the API. */
  readonly about: object;
  readonly watcher: Watcher;
  readonly details: SessionDetails;
  readonly streams: EventStreams;
  readonly board: QrBoard;
  readonly files: PageFiles;
  /** Aborts when the server ends. */
  readonly signal: AbortSignal;
}

interface Call {
  readonly served: Served;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The name of a session in the path. */
  readonly session: string;
}

type Handler = (call: Call) => Promise<void> | void;

interface Route {
  readonly path: RegExp;
  /** Whether it tells nothing that is anybody's. */
  readonly isOpen?: boolean;
  /** HEAD is answered as GET is. */
  readonly methods: Readonly<Partial<Record<"GET" | "PUT" | "POST" | "DELETE", Handler>>>;
}

/** Paths of the page: its script shows what the path names. */
const PAGE = /^\/(?:(?:sessions|qr)\/[^/]+\/?)?$/;
const NAME = /^[-\w]{1,128}$/;

const ROUTES: readonly Route[] = [
  { path: PAGE, isOpen: true, methods: { GET: ({ served, ...call }) => sendFile(served, "index.html", call) } },
  { path: /^\/health$/, isOpen: true, methods: { GET: ({ response }) => sendJson(response, 200, { status: "up" }) } },
  { path: /^\/api$/, isOpen: true, methods: { GET: about } },
  { path: /^\/api\/sessions$/, methods: { GET: sessions } },
  {
    path: /^\/api\/events$/,
    methods: { GET: ({ served, request, response }) => served.streams.open(request, response) },
  },
  { path: /^\/api\/sessions\/([^/]+)$/, methods: { GET: session } },
  { path: /^\/api\/sessions\/([^/]+)\/rollback$/, methods: { POST: postRollback } },
  { path: /^\/api\/sessions\/([^/]+)\/undelete$/, methods: { POST: postUndelete } },
  { path: /^\/api\/qr$/, methods: { GET: ({ served, response }) => sendJson(response, 200, linkRequests(served)) } },
  { path: /^\/api\/qr\/([^/]+)$/, methods: { GET: getQr, PUT: putQr, DELETE: deleteQr } },
];

/** Answers a request. @throws {@link Refusal}, the store's error */
export async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  checkHost(request, served.access);
  const [path = ""] = (request.url ?? "").split("?", 1);
  const { route, name } = routeOf(path, served.files);
  if (route.isOpen !== true) {
    checkOrigin(request);
    await checkToken(request, response, served.access, served.guessing);
  }
  const method = request.method === "HEAD" ? "GET" : request.method;
  const handler = route.methods[method as keyof Route["methods"]];
  if (handler === undefined) {
    const methods = Object.keys(route.methods).flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one]));
    const allow = methods.join(", ");
    throw new Refusal(405, "INVALID", `${path} takes ${allow} only.`, { headers: { allow } });
  }
  if (method !== "GET") checkCanChange(served.access);
  await handler({ served, request, response, session: name });
}

function routeOf(path: string, files: PageFiles): { route: Route; name: string } {
  for (const route of ROUTES) {
    const found = route.path.exec(path);
    if (found) return { route, name: found[1] === undefined ? "" : nameIn(found[1]) };
  }
  const [, file = ""] = /^\/([-\w]+\.\w+)$/.exec(path) ?? [];
  if (file !== "index.html" && files.has(file)) {
    return {
      route: { path: /^/, isOpen: true, methods: { GET: ({ served, ...call }) => sendFile(served, file, call) } },
      name: "",
    };
  }
  throw new Refusal(404, "ABSENT", "There is nothing at this address.", { hint: "The page is at /." });
}

/** @throws {@link Refusal} when no session can have the name */
function nameIn(part: string): string {
  let name = "";
  try {
    name = decodeURIComponent(part);
  } catch {
    // It is no name either.
  }
  if (NAME.test(name)) return name;
  throw new Refusal(400, "INVALID", "The name of a session has letters, digits, `-` and `_` only.");
}

function sendFile({ files }: Served, name: string, { request, response }: Pick<Call, "request" | "response">): void {
  files.send(name, request, response);
}

/** What the page must know before it can ask for more. */
function about({ served, response }: Call): void {
  sendJson(response, 200, { name: "wa-vault", needsToken: served.access.token !== undefined });
}

async function sessions({ served, response }: Call): Promise<void> {
  sendJson(response, 200, { ...served.about, ...snapshotView(await served.watcher.fresh()), ...linkRequests(served) });
}

async function session({ served, response, session: name }: Call): Promise<void> {
  const { store, details, watcher } = served;
  const [detail, { sessions: known }] = await Promise.all([details.read(name), watcher.fresh()]);
  const summary = known.get(name);
  if (!summary && !detail.problem && detail.history.length === 0) await refuseAbsent(served, name);
  sendJson(response, 200, { store: store.address, ...detail, summary });
}

/** @throws {@link Refusal}, naming the sessions that were perhaps meant */
async function refuseAbsent({ store, signal }: Served, name: string): Promise<void> {
  const near = await otherSessions(store, name, { signal });
  throw new Refusal(404, "ABSENT", `There is no session ${name}.`, near ? { hint: `The store has ${near}.` } : {});
}

async function postRollback({ served, request, response, session: name }: Call): Promise<void> {
  const { generation } = await readObject(request);
  const { store, signal } = served;
  await rollBack({ store, session: name, signal }, generation);
  await changed(served, name);
  sendJson(response, 200, { session: name, generation });
}

async function postUndelete({ served, request, response, session: name }: Call): Promise<void> {
  await readObject(request);
  const { store, signal } = served;
  await undelete({ store, session: name, signal });
  await changed(served, name);
  sendJson(response, 200, { session: name });
}

/** Whoever watches learns of a change at once. */
async function changed({ watcher, details }: Served, name: string): Promise<void> {
  details.forget(name);
  await watcher.lookAnew();
}

function linkRequests({ board }: Served): object {
  return { linkRequests: board.list };
}

async function getQr({ served, response, session: name }: Call): Promise<void> {
  const shown = await served.board.get(name);
  if (shown) return sendJson(response, 200, shown);
  throw new Refusal(404, "ABSENT", `${name} asks nobody to link.`, {
    hint: "A QR code is here for a minute after the bot has sent it.",
  });
}

async function putQr({ served, request, response, session: name }: Call): Promise<void> {
  sendJson(response, 200, served.board.put(name, await readBody(request, "text/plain")));
}

function deleteQr({ served, response, session: name }: Call): void {
  served.board.delete(name);
  response.writeHead(204, { "cache-control": "no-store" }).end();
}
