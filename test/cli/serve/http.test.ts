import { once } from "node:events";
import type { Socket } from "node:net";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { isLoopback } from "../../../cli/serve/guard.ts";
import { VaultError } from "../../../lib/errors.ts";
import { gate } from "../../support/gate.ts";
import { HeldAnswers } from "./support/held-answers.ts";
import { rawConnection, rawRequest, untilClosed } from "./support/raw-request.ts";
import { generation, ScriptedStore } from "./support/scripted-store.ts";
import { shownSessions } from "./support/shown-sessions.ts";
import { type RunningStatus, TOKEN, useStatus } from "./support/status-rig.ts";

const start = useStatus();
const withToken = { authorization: `Bearer ${TOKEN}` };
let store: ScriptedStore;
beforeEach(() => {
  store = new ScriptedStore(shownSessions());
});

/** What a test reads of an answer of the API. */
interface Told {
  readonly sessions: readonly { readonly session: string }[];
  readonly kept: readonly unknown[];
  readonly history: readonly unknown[];
  readonly isHistoryCut: boolean;
  readonly away?: unknown;
}

async function json(address: string): Promise<Told> {
  return (await (await fetch(address)).json()) as Told;
}

/** Sends a request of which the client library would change the header Host. */
async function withHost({ port }: RunningStatus, host: string | undefined, path = "/api/sessions"): Promise<number> {
  const line = host === undefined ? "" : `Host: ${host}\r\n`;
  return (await rawRequest(port, `GET ${path} HTTP/1.1\r\n${line}Connection: close\r\n\r\n`)).status;
}

describe("every answer", () => {
  it.each(["/", "/app.js", "/base.css", "/icon.svg", "/api", "/api/sessions", "/nothing", "/sessions/x", "/qr/x"])(
    "of %s keeps the page to itself",
    async (path) => {
      const status = await start(store.served);
      const { headers } = await fetch(status.url + path);
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      );
      expect(Object.fromEntries(headers)).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": path.includes(".") || !/api|nothing/.test(path) ? "no-cache" : "no-store",
      });
      expect(status.faults).toEqual([]);
    },
  );

  it("has the type of what it is", async () => {
    const { url } = await start(store.served);
    const types = await Promise.all(
      ["/", "/app.js", "/base.css", "/icon.svg", "/api"].map(async (path) =>
        (await fetch(url + path)).headers.get("content-type"),
      ),
    );
    expect(types).toEqual([
      "text/html; charset=utf-8",
      "text/javascript; charset=utf-8",
      "text/css; charset=utf-8",
      "image/svg+xml",
      "application/json; charset=utf-8",
    ]);
  });

  it("to HEAD is the one to GET without its body", async () => {
    const { url } = await start(store.served);
    for (const path of ["/", "/app.js", "/api/sessions", "/api/events", "/nothing"]) {
      const head = await fetch(url + path, { method: "HEAD" });
      const get = await fetch(url + path);
      expect([path, head.status, head.headers.get("content-type")]).toEqual([
        path,
        get.status,
        get.headers.get("content-type"),
      ]);
      expect(await head.text()).toBe("");
      await get.body?.cancel();
    }
  });

  it("sends a file once to a browser that keeps it", async () => {
    const { url } = await start(store.served);
    const tag = (await fetch(`${url}/app.js`)).headers.get("etag") ?? "";
    expect((await fetch(`${url}/app.js`, { headers: { "if-none-match": `"x", W/${tag}` } })).status).toBe(304);
    expect((await fetch(`${url}/app.js`, { headers: { "if-none-match": '"x"' } })).status).toBe(200);
  });
});

describe("a request", () => {
  it.each([
    "/../package.json",
    "/..%2f..%2fpackage.json",
    "/%2e%2e/package.json",
    "/page/index.html",
    "/index.html",
    "/app.js/",
    "//app.js",
    "/app.js%00",
    "/etc/passwd",
    "http://elsewhere.example/",
    "/sessions/a/b",
    "/constructor",
    "/__proto__",
    "/api/sessions/",
    "/api/nothing",
  ])("for %s gets nothing", async (path) => {
    const { port, faults } = await start(store.served);
    const { status } = await rawRequest(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(status).toBe(404);
    expect(faults).toEqual([]);
  });

  it.each([
    "/api/sessions/%",
    "/api/sessions/..%2fx",
    "/api/sessions/%3Cscript%3E",
    `/api/sessions/${"x".repeat(200)}`,
    "/api/qr/a%20b",
  ])("with a name that no session has (%s) is refused", async (path) => {
    const { url } = await start(store.served, { hasToken: true });
    const answer = await fetch(url + path, { headers: withToken });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { code: "INVALID", message: expect.stringContaining("letters") },
    });
  });

  it.each([
    ["/", "POST", "GET, HEAD"],
    ["/app.js", "DELETE", "GET, HEAD"],
    ["/api/sessions", "POST", "GET, HEAD"],
    ["/api/sessions/x", "PUT", "GET, HEAD"],
    ["/api/sessions/x/rollback", "GET", "POST"],
    ["/api/qr/x", "PATCH", "GET, HEAD, PUT, DELETE"],
    ["/api/qr/x", "OPTIONS", "GET, HEAD, PUT, DELETE"],
  ])("for %s by %s says what is taken", async (path, method, allow) => {
    const { url } = await start(store.served, { hasToken: true });
    const answer = await fetch(url + path, { method, headers: withToken });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  });

  it("of another name than the server's is refused, before anything else is looked at", async () => {
    const status = await start(store.served, { everyMs: 60_000 });
    const known = ["localhost", "LOCALHOST:80", "127.0.0.1", `127.0.0.1:${status.port}`, "127.8.8.8:1", "[::1]:4870"];
    for (const host of known) expect([host, await withHost(status, host)]).toEqual([host, 200]);
    const strangers = [
      "evil.example",
      "evil.example:80",
      "localhost.evil.example",
      "127.0.0.1.nip.io",
      "192.168.1.5",
      "[fe80::1]",
    ];
    const torn = ["", "localhost:x", "user@localhost", "localhost/", "[::1", "0x7f000001"];
    for (const host of [...strangers, ...torn]) expect([host, await withHost(status, host)]).toEqual([host, 421]);
    for (const path of ["/", "/app.js", "/api"]) expect(await withHost(status, "evil.example", path)).toBe(421);
    expect(await withHost(status, undefined)).toBe(400);
    expect(store.listings).toBe(1);
  });

  it("of a name that the server was given, and of any address when it is not for this machine alone, is answered", async () => {
    const access = { isLoopback: false, names: new Set(["status.example.com"]), token: undefined };
    const status = await start(store.served, { access });
    for (const host of ["status.example.com", "Status.Example.com:443", "192.168.1.5:4870", "localhost"]) {
      expect([host, await withHost(status, host)]).toEqual([host, 200]);
    }
    expect(await withHost(status, "example.com")).toBe(421);
  });

  it("knows the addresses that only this machine reaches", () => {
    const local = ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"];
    const others = ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "localhost", "", "128.0.0.1"];
    expect(local.filter((one) => !isLoopback(one))).toEqual([]);
    expect(others.filter(isLoopback)).toEqual([]);
  });

  it("of a page elsewhere is refused, and one of its own page or of a program is not", async () => {
    const { url } = await start(store.served, { hasToken: true });
    const put = async (headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${url}/api/qr/x`, {
        method: "PUT",
        headers: { ...withToken, ...headers },
        body: "2@a",
      });
      return answer.status;
    };
    expect(await put({})).toBe(200);
    expect(await put({ origin: url })).toBe(200);
    for (const origin of [
      "https://evil.example",
      "null",
      "http://localhost:1",
      url.replace("127.0.0.1", "127.0.0.2"),
      "x",
    ]) {
      expect([origin, await put({ origin })]).toEqual([origin, 403]);
    }
    // fetch lets nobody set Sec-Fetch-Site.
    const { port } = new URL(url);
    const events = async (site: string): Promise<number> => {
      const head = `HEAD /api/events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: ${site}\r\nAuthorization: Bearer ${TOKEN}\r\n`;
      return (await rawRequest(Number(port), `${head}Connection: close\r\n\r\n`)).status;
    };
    for (const site of ["cross-site", "same-site"]) expect(await events(site)).toBe(403);
    for (const site of ["same-origin", "none"]) expect(await events(site)).toBe(200);
  });

  it("with a body that is too long is refused, however it says how long it is", async () => {
    const { port, url } = await start(store.served, { hasToken: true });
    const head = `PUT /api/qr/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`;
    const long = await rawRequest(port, `${head}Content-Length: 99999999\r\n\r\n2@a`);
    const chunk = "x".repeat(5_000);
    const chunked = await rawRequest(
      port,
      `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n`,
    );
    expect([long.status, chunked.status]).toEqual([413, 413]);
    const ours = await fetch(`${url}/api/qr/x`, { method: "PUT", headers: withToken, body: "é".repeat(2_000) });
    expect([ours.status, await (await fetch(`${url}/api/qr`, { headers: withToken })).json()]).toEqual([
      413,
      { linkRequests: [] },
    ]);
  });

  it.each([
    ["application/x-www-form-urlencoded", "2@a", 415],
    ["application/json", "{}", 415],
    ["text/plain; charset=utf-8", "2@a", 200],
    ["TEXT/PLAIN", "2@a", 200],
    ["text/plain", "  \n", 400],
    ["text/plain", Buffer.from([0x32, 0xff, 0xfe]), 400],
  ])("with a QR code as %s is answered by its type and text", async (type, body, status) => {
    const { url } = await start(store.served, { hasToken: true });
    const headers = { ...withToken, "content-type": type };
    expect((await fetch(`${url}/api/qr/x`, { method: "PUT", headers, body })).status).toBe(status);
  });

  it("that comes too slowly is ended, and holds up nobody", async () => {
    const { port, url } = await start(store.served, { requestTimeoutMs: 100, hasToken: true });
    const slow = [
      "GET / HT",
      "GET / HTTP/1.1\r\nHost: localhost\r\n",
      `PUT /api/qr/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 20\r\n\r\n2@`,
    ];
    const ended = slow.map(async (text) => untilClosed(await rawConnection(port, text)));
    expect((await fetch(`${url}/health`)).status).toBe(200);
    for (const said of await Promise.all(ended)) expect(said).toMatch(/^HTTP\/1\.1 408 /);
    expect(await (await fetch(`${url}/api/qr`, { headers: withToken })).json()).toEqual({ linkRequests: [] });
  });

  it("whose answers nobody takes is ended", async () => {
    const { port, status } = await start(store.served, { silentMs: 100 });
    const accepted = once(status.server, "connection");
    const asked = "GET /base.css HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3_000);
    const client = await rawConnection(port, asked);
    client.on("error", () => {});
    const [connection] = (await accepted) as [Socket];
    // The client reads nothing: only the server can end this.
    if (!connection.destroyed) await once(connection, "close");
    client.destroy();
  });

  it("that is no HTTP is ended", async () => {
    const { port } = await start(store.served);
    expect((await rawRequest(port, "\u0016\u0003\u0001 nonsense\r\n\r\n")).status).toBe(400);
    const longHead = await rawRequest(port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(longHead.status).toBe(431);
  });
});

describe("a server with a token", () => {
  it("tells nothing without it, and refuses another one", async () => {
    // So much later each time that no wrong token counts any more.
    let clock = 0;
    const now = (): number => {
      clock += 3_600_000;
      return clock;
    };
    const { url } = await start(store.served, { hasToken: true, now });
    const closed = ["/api/sessions", "/api/sessions/RemoteAuth-support", "/api/events", "/api/qr", "/api/qr/support"];
    for (const path of closed) {
      for (const authorization of [
        undefined,
        "Bearer",
        "Bearer wrong",
        `Basic ${TOKEN}`,
        `Bearer ${TOKEN}x`,
        `Bearer ${TOKEN.slice(1)}`,
      ]) {
        const answer = await fetch(url + path, authorization === undefined ? {} : { headers: { authorization } });
        expect([path, authorization, answer.status]).toEqual([path, authorization, 401]);
        expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="wa-vault"');
        expect(await answer.text()).not.toContain(TOKEN);
      }
    }
    expect(store.listings).toBe(0);
    // In an address it counts for nothing.
    expect((await fetch(`${url}/api/sessions?token=${TOKEN}`)).status).toBe(401);
    expect((await fetch(`${url}/api/sessions`, { headers: withToken })).status).toBe(200);
    expect(await (await fetch(`${url}/api`)).json()).toEqual({ name: "wa-vault", needsToken: true });
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it("answers wrong tokens late, names who has shown them, and lets the right one through at once", async () => {
    const late = new HeldAnswers();
    const { url, wrongTokens } = await start(store.served, { hasToken: true, now: () => 0, late });
    const ask = (authorization?: string, signal?: AbortSignal): Promise<Response> =>
      fetch(`${url}/api/qr`, { headers: authorization === undefined ? {} : { authorization }, signal: signal ?? null });
    const statusOf = async (asked: Promise<Response>): Promise<number> => {
      const answer = await asked;
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await statusOf(ask("Bearer mistyped-by-a-person"))).toBe(401);
    const gone = new AbortController();
    const guesses = Array.from({ length: 10 }, (_, n) => ask(`Bearer ${n}-is-not-the-token`, gone.signal));
    const held = await late.until(10);
    expect(held.map(({ ms }) => ms)).toEqual([100, 200, 400, 800, 1_600, ...Array(5).fill(2_000)]);
    expect(wrongTokens).toEqual(Array(11).fill("127.0.0.1"));
    // From the same address, and before any of them is answered.
    expect(await statusOf(ask(`Bearer ${TOKEN}`))).toBe(200);
    expect(await statusOf(ask())).toBe(401);
    expect(await statusOf(fetch(`${url}/health`))).toBe(200);
    expect(late.given).toBe(1);
    gone.abort();
    const outcomes = await Promise.allSettled(guesses);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(10).fill("rejected"));
    await Promise.all(held.map(({ ended }) => ended));
    const last = ask("Bearer is-not-the-token-either");
    await late.until(11);
    late.close();
    expect([(await last).status, await (await last).json()]).toEqual([
      401,
      { error: { code: "DENIED", message: "This is not the token of this server.", hint: expect.any(String) } },
    ]);
  });
});

describe("a server without a token", () => {
  it("changes nothing, and says why", async () => {
    const { url } = await start(store.served);
    const calls = [
      ["/api/qr/x", "PUT"],
      ["/api/qr/x", "DELETE"],
      ["/api/sessions/RemoteAuth-support/rollback", "POST"],
      ["/api/sessions/RemoteAuth-support/undelete", "POST"],
    ] as const;
    for (const [path, method] of calls) {
      const answer = await fetch(url + path, { method, headers: withToken });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: { hint: expect.stringContaining("WA_VAULT_SERVE_TOKEN") } });
    }
  });
});

describe("the API", () => {
  it("tells the sessions of the store as its documents say", async () => {
    const { url } = await start(store.served, { everyMs: 10_000, olderThanMs: 86_400_000 });
    const told = await json(`${url}/api/sessions`);
    expect(told).toMatchObject({
      store: "s3://acme-bots/sessions",
      canChange: false,
      everyMs: 10_000,
      olderThanMs: 86_400_000,
      checkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      linkRequests: [],
    });
    const support = told.sessions.find(({ session }) => session === "RemoteAuth-support");
    expect(support).toMatchObject({
      kind: "profile",
      status: "running",
      isOld: false,
      saved: { generation: 412, bytes: 8_420_000 },
    });
    const archive = told.sessions.find(({ session }) => session === "RemoteAuth-archive");
    expect(archive).toMatchObject({ status: "unreadable", problem: { code: "WRONG_KEY", hint: expect.any(String) } });
  });

  it("tells one session, and which names are near to one that is not there", async () => {
    const { url } = await start(store.served);
    const told = await json(`${url}/api/sessions/RemoteAuth-support`);
    expect(told).toMatchObject({ session: "RemoteAuth-support", isHistoryCut: false, summary: { status: "running" } });
    expect(told.kept[0]).toMatchObject({ generation: 412, isCurrent: true, proven: true });
    expect(told.history).toHaveLength(18);
    const absent = await fetch(`${url}/api/sessions/RemoteAuth-suport`);
    expect([absent.status, await absent.json()]).toMatchObject([
      404,
      { error: { code: "ABSENT", hint: expect.stringContaining("RemoteAuth-support") } },
    ]);
  });

  it("tells at most 300 entries of a log, and that there are more", async () => {
    const history = Array.from({ length: 301 }, (_, n) => ({
      entry: 400 - n,
      kind: "renewed" as const,
      at: new Date(n),
      by: "h:1",
      epoch: 1,
    }));
    const [one] = shownSessions();
    store.sessionsNow = [{ ...(one as object), history } as never];
    const { url } = await start(store.served);
    const told = await json(`${url}/api/sessions/RemoteAuth-support`);
    expect([told.history.length, told.isHistoryCut]).toEqual([300, true]);
  });

  it("says that the store is away, with what was known", async () => {
    const { url } = await start(store.served, { everyMs: 1 });
    await fetch(`${url}/api/sessions`);
    store.failure = new VaultError("UNAVAILABLE", "Could not list: no answer.", { hint: "Is it up?" });
    await vi.waitFor(async () => {
      const told = await json(`${url}/api/sessions`);
      expect(told.away).toMatchObject({
        code: "UNAVAILABLE",
        message: "Could not list: no answer.",
        hint: "Is it up?",
      });
      expect(told.sessions).toHaveLength(10);
    });
    expect((await fetch(`${url}/api/sessions/RemoteAuth-support`)).status).toBe(503);
  });

  it("hides what went wrong in a request of its own, and reports it", async () => {
    const { url, faults, faultIds } = await start(store.served);
    await fetch(`${url}/api/sessions`);
    store.failure = new TypeError("x is not a function at /srv/bot/x.js, //user:secret@host");
    const answer = await fetch(`${url}/api/sessions/RemoteAuth-support`);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({
      error: { code: "UNKNOWN", message: expect.stringContaining(`fault ${faultIds[0]}.`), hint: expect.any(String) },
    });
    expect(faults).toEqual([store.failure]);
  });

  it("reads a session once for all who ask at once", async () => {
    const { url, status } = await start(store.served);
    const all = gate();
    let requests = 0;
    status.server.on("request", () => {
      requests += 1;
      if (requests === 20) setImmediate(all.open);
    });
    const read = store.state.bind(store);
    const state = vi.spyOn(store, "state").mockImplementation(async (options) => {
      await all.opened;
      return await read(options);
    });
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/api/sessions/RemoteAuth-support`)));
    expect(state).toHaveBeenCalledTimes(1);
  });

  it("refuses a rollback to what is no generation, and takes no session for it", async () => {
    const acquire = vi.fn();
    Object.assign(store, { acquire });
    const { url } = await start(store.served, { hasToken: true });
    const post = async (session: string, body: string): Promise<number> => {
      const headers = { ...withToken, "content-type": "application/json" };
      return (await fetch(`${url}/api/sessions/${session}/rollback`, { method: "POST", headers, body })).status;
    };
    for (const body of ["{}", "", "[]", "5", "{x", '{"generation":"412"}', '{"generation":0}', '{"generation":1.5}']) {
      expect([body, await post("RemoteAuth-support", body)]).toEqual([body, 400]);
    }
    expect(await post("RemoteAuth-support", '{"generation":5}')).toBe(404);
    expect(await post("RemoteAuth-nobody", '{"generation":5}')).toBe(404);
    expect(acquire).not.toHaveBeenCalled();
  });
});

describe("the events", () => {
  it("reach many viewers from one look at the store, and end with the server", async () => {
    const shut = gate();
    store.gate = shut.opened;
    const status = await start(store.served, { everyMs: 60_000 });
    const viewers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${status.url}/api/events`)));
    expect(viewers.map(({ headers }) => headers.get("content-type"))).toEqual(
      Array(50).fill("text/event-stream; charset=utf-8"),
    );
    expect(status.status.viewers).toBe(50);
    expect(status.status.watcher.viewers).toBe(1);
    shut.open();
    const texts = viewers.map((viewer) => viewer.text());
    await vi.waitFor(() => expect(status.status.watcher.snapshot.checkedAt).toBeDefined());
    await status.close();
    for (const text of await Promise.all(texts)) {
      expect(text.match(/^event: \w+$/gm)).toEqual(["event: snapshot", "event: update"]);
      expect(text).toContain("RemoteAuth-archive");
    }
    expect(store.listings).toBe(1);
  });

  it("end the looks at the store when the last viewer goes", async () => {
    const status = await start(store.served, { everyMs: 1 });
    const leaving = new AbortController();
    await fetch(`${status.url}/api/events`, { signal: leaving.signal });
    await vi.waitFor(() => expect(store.listings).toBeGreaterThan(2));
    leaving.abort();
    await vi.waitFor(() => expect(status.status.watcher.viewers).toBe(0));
  });

  it("are cut off for who takes none of them, however many sessions there are", async () => {
    const [one] = shownSessions();
    const saved = generation(1, 5);
    const thousands = (): ScriptedStore["sessionsNow"] =>
      Array.from({ length: 2_000 }, (_, n) => {
        const summary = { ...one?.summary, session: `RemoteAuth-c${n}`, saved, changedAt: new Date() };
        return { summary: summary as never };
      });
    store.sessionsNow = thousands();
    const { port, status } = await start(store.served, { everyMs: 1 });
    const silent = await rawConnection(port, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    silent.on("error", () => {});
    await vi.waitFor(() => expect(status.viewers).toBe(1));
    const end = status.watcher.watch(() => {
      store.sessionsNow = thousands();
    });
    await vi.waitFor(() => expect(status.viewers).toBe(0), { timeout: 240_000, interval: 100 });
    end();
    silent.destroy();
  });

  it("are for 200 viewers at most", async () => {
    const status = await start(store.served, { everyMs: 60_000 });
    const ended = new AbortController();
    const open = (): Promise<Response> => fetch(`${status.url}/api/events`, { signal: ended.signal });
    const viewers = await Promise.all(Array.from({ length: 200 }, open));
    expect(viewers.every(({ status: code }) => code === 200)).toBe(true);
    expect((await open()).status).toBe(503);
    ended.abort();
  });
});

describe("the QR codes of bots", () => {
  const qr = `2@${"Kx9dQ2".repeat(20)},${"a8Zs".repeat(11)}=`;

  it("are shown until the bot sends another one, takes it back, or their time is over", async () => {
    const { url } = await start(store.served, { hasToken: true, keptMs: { qr: 60_000, code: 30 } });
    const at = `${url}/api/qr/support`;
    const put = (body: string): Promise<Response> => fetch(at, { method: "PUT", headers: withToken, body });
    const get = async (): Promise<{ status: number; body: Record<string, string> }> => {
      const answer = await fetch(at, { headers: withToken });
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return { status: answer.status, body: (await answer.json()) as Record<string, string> };
    };
    expect((await get()).status).toBe(404);
    expect(await (await put(qr)).json()).toMatchObject({ session: "support", kind: "qr", until: expect.any(String) });
    const first = await get();
    expect(first.body).toMatchObject({ kind: "qr", svg: expect.stringMatching(/^<svg .*<\/svg>$/s) });
    expect(JSON.stringify(first.body)).not.toContain("Kx9dQ2");
    await put(`${qr}2`);
    expect((await get()).body.svg).not.toBe(first.body.svg);
    expect((await fetch(at, { method: "DELETE", headers: withToken })).status).toBe(204);
    expect((await get()).status).toBe(404);
    expect((await fetch(at, { method: "DELETE", headers: withToken })).status).toBe(204);
    expect(await (await put("abcd1234")).json()).toMatchObject({ kind: "code" });
    await vi.waitFor(async () => expect((await get()).status).toBe(404));
  });

  it("are told to who watches, without what would link", async () => {
    const { url, close } = await start(store.served, { hasToken: true, everyMs: 60_000 });
    const events = await fetch(`${url}/api/events`, { headers: withToken });
    await fetch(`${url}/api/qr/support`, { method: "PUT", headers: withToken, body: "ABCD-1234" });
    expect(await (await fetch(`${url}/api/qr/support`, { headers: withToken })).json()).toMatchObject({
      code: "ABCD-1234",
    });
    await close();
    const text = await events.text();
    expect(text).toMatch(/event: link-requests\ndata: {"linkRequests":\[{"session":"support","kind":"code"/);
    expect(text).not.toContain("ABCD");
  });
});

describe("the end of the server", () => {
  it("ends the streams, and the connections that ask for nothing", async () => {
    const [one] = shownSessions();
    store.sessionsNow = [{ ...(one as object), generations: [generation(1, 5)] } as never];
    const status = await start(store.served, { everyMs: 60_000 });
    const events = await fetch(`${status.url}/api/events`);
    const idle = await rawConnection(status.port, "");
    const closed = untilClosed(idle);
    await status.close();
    await closed;
    expect(await events.text()).toContain("event: snapshot");
    await expect(fetch(`${status.url}/health`)).rejects.toThrow("fetch failed");
  });
});
