import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { type StartFailure, WatchedStarts } from "../../lib/auth/watched-starts.ts";
import type { ClientLike } from "../../lib/browser/client.ts";
import { type Gate, gate } from "../support/gate.ts";

interface FakeClient {
  inject?(...values: unknown[]): Promise<unknown>;
  initialize?(...values: unknown[]): Promise<unknown>;
}

/** What a start has begun. */
interface Begun {
  readonly name: string;
}

let failed: (Begun & StartFailure)[];
let restartsFailed: unknown[];
beforeEach(() => {
  failed = [];
  restartsFailed = [];
});

let starts: WatchedStarts<Begun>;

function watched<T extends FakeClient>(client: T): T {
  starts = new WatchedStarts(client as unknown as ClientLike, {
    async onFailed({ name }, failure) {
      await turn();
      failed.push({ name, ...failure });
    },
    onRestartFailed: (error) => void restartsFailed.push(error),
  });
  return client;
}

describe("WatchedStarts", () => {
  it("leaves values, result and `this` of initialize() as they are", async () => {
    const client = watched({
      async initialize(...values: unknown[]): Promise<unknown> {
        return [this === client, ...values];
      },
    });
    expect(await client.initialize(1, 2)).toEqual([true, 1, 2]);
    expect(failed).toEqual([]);
  });

  it("tells of a call that fails, before it rejects with its error", async () => {
    const error = new Error("Failed to launch the browser process!");
    const client = watched({
      async initialize(): Promise<void> {
        await turn();
        starts.begins({ name: "a run" });
        throw error;
      },
    });
    const told = client.initialize().catch((cause: unknown) => [cause, [...failed]]);
    expect(await told).toEqual([error, [{ name: "a run", children: [] }]]);
  });

  it("tells nothing of a call that has begun nothing", async () => {
    const client = watched({ initialize: () => Promise.reject(new Error("refused")) });
    starts.begins({ name: "outside of a call" });
    await expect(client.initialize()).rejects.toThrow("refused");
    expect(failed).toEqual([]);
  });

  it("tells two calls at once apart, and a call within a call", async () => {
    const client = watched({
      async initialize(name: unknown): Promise<void> {
        await turn();
        starts.begins({ name: String(name) });
        if (name === "outer") await client.initialize("inner");
        if (name !== "good") throw new Error(String(name));
      },
    });
    await Promise.allSettled([client.initialize("good"), client.initialize("bad")]);
    expect(failed.map(({ name }) => name)).toEqual(["bad"]);
    await expect(client.initialize("outer")).rejects.toThrow("inner");
    expect(failed.map(({ name }) => name)).toEqual(["bad", "inner", "outer"]);
  });

  it("tells which processes the failed call has started", async () => {
    const client = watched({
      async initialize(...args: unknown[]): Promise<void> {
        starts.begins({ name: args.join() });
        await turn();
        await once(spawn(process.execPath, ["-e", "", ...args.map(String)]), "exit");
        throw new Error("no page");
      },
    });
    await Promise.allSettled([client.initialize("one"), client.initialize("other")]);
    expect(failed).toHaveLength(2);
    for (const { name, children } of failed) expect(children.map(({ spawnargs }) => spawnargs.at(-1))).toEqual([name]);
  });

  describe("when whatsapp-web.js starts again by itself", () => {
    let begun: string[];
    let go: Gate;
    /** A client whose start by this name ends once `go` is opened. */
    function restarting() {
      begun = [];
      go = gate();
      return watched({
        async initialize(name: unknown): Promise<string> {
          begun.push(String(name));
          await go.opened;
          return String(name);
        },
      });
    }

    it("the calls beside it wait for the client to be destroyed, and one of them starts it", async () => {
      const client = restarting();
      starts.restarts();
      const before = [client.initialize("before"), client.initialize("also before")];
      await turn();
      expect(begun).toEqual([]);
      starts.destroyed();
      const own = client.initialize("own");
      const beside = client.initialize("beside");
      go.open();
      expect(await Promise.all([...before, own, beside])).toEqual(["own", "own", "own", "own"]);
      expect(await client.initialize("later")).toBe("later");
      expect(begun).toEqual(["own", "later"]);
    });

    it.each<[string, () => void]>([
      ["is destroyed", () => starts.destroyed()],
      ["is ready", () => starts.restarted()],
    ])("a call after a restart that %s begins a start of its own", async (_, ends) => {
      const client = restarting();
      starts.restarts();
      starts.destroyed();
      const own = client.initialize("own");
      ends();
      const next = client.initialize("next");
      go.open();
      expect(await Promise.all([own, next])).toEqual(["own", "next"]);
    });

    it("a restart within that start is another one", async () => {
      const client = restarting();
      for (const name of ["first", "second"]) {
        starts.restarts();
        starts.destroyed();
        void client.initialize(name);
      }
      go.open();
      expect(begun).toEqual(["first", "second"]);
    });

    it("a start that calls initialize() again and again when it has failed does not wait for itself", async () => {
      let tries = 0;
      const client = watched({
        async initialize(name: unknown): Promise<unknown> {
          if (++tries < 4) return await client.initialize(name);
          return tries;
        },
      });
      starts.restarts();
      starts.destroyed();
      expect(await client.initialize("own")).toBe(4);
    });

    it("each call rejects with the error of that start, which is told once", async () => {
      const error = new Error("no browser");
      const client = watched({
        async initialize(): Promise<void> {
          starts.begins({ name: "a run" });
          throw error;
        },
      });
      starts.restarts();
      const before = client.initialize();
      starts.destroyed();
      expect(await Promise.allSettled([before, client.initialize()])).toEqual([
        { status: "rejected", reason: error },
        { status: "rejected", reason: error },
      ]);
      expect(failed).toHaveLength(1);
    });
  });

  describe("inject()", () => {
    const refused = new Error("the store is away");

    /** whatsapp-web.js's steps: `initialize()` injects, and an injection whose session is refused starts again. */
    function injecting(initialize: () => Promise<void>) {
      return watched({
        initialize: async (isFirst: unknown) => (isFirst ? void (await injected("refused")) : await initialize()),
        async inject(what: unknown): Promise<unknown> {
          await turn();
          if (what === "refused") return await (this as unknown as { initialize(): Promise<void> }).initialize();
          if (what === "page gone") throw new Error("Execution context was destroyed");
          return what;
        },
      });
      async function injected(what: unknown): Promise<unknown> {
        return await client.inject(what);
      }
    }
    let client: ReturnType<typeof injecting>;
    beforeEach(() => {
      client = injecting(() => Promise.reject(refused));
    });

    it("tells of a restart that fails and nobody awaits, and resolves", async () => {
      expect(await client.inject("refused")).toBeUndefined();
      expect(restartsFailed).toEqual([refused]);
    });

    it("rejects as before within initialize(), with the error of the restart", async () => {
      await expect(client.initialize(true)).rejects.toBe(refused);
      expect(restartsFailed).toEqual([]);
      // A later navigation of the same browser, whose events belong to that call.
      await expect(client.inject("refused")).resolves.toBeUndefined();
      expect(restartsFailed).toEqual([refused]);
    });

    it("prepares a page anew that logs itself out before whatsapp-web.js listens, and no other page", async () => {
      const navigated = new Error("Execution context was destroyed, most likely because of a navigation.");
      let url = "https://web.whatsapp.com/?post_logout=1";
      let injections = 0;
      const client = watched({
        lastLoggedOut: true,
        pupPage: { url: () => url },
        async initialize(pages: unknown): Promise<unknown> {
          injections = 0;
          return await this.inject(pages);
        },
        async inject(pages: unknown): Promise<unknown> {
          await turn();
          if (++injections < Number(pages)) throw navigated;
          return "the page";
        },
      });
      expect(await client.initialize(3)).toBe("the page");
      expect(client.lastLoggedOut).toBe(false);
      await expect(client.initialize(9)).rejects.toBe(navigated);
      expect(injections).toBe(4);
      url = "https://web.whatsapp.com/";
      await expect(client.initialize(2)).rejects.toBe(navigated);
      expect(injections).toBe(1);
    });

    it("prepares no page anew that whatsapp-web.js listens to, also while initialize() goes on", async () => {
      const navigated = new Error("Execution context was destroyed, most likely because of a navigation.");
      let injections = 0;
      const client = watched({
        pupPage: { url: () => "https://web.whatsapp.com/?post_logout=1" },
        async initialize(what: unknown): Promise<unknown> {
          if (what === "restart") throw refused;
          await this.inject("a page");
          // A sub-class that waits for `ready`, and a page that logs itself out meanwhile.
          await this.inject("refused");
          return await this.inject("a page that navigates").catch((error: unknown) => error);
        },
        async inject(what: unknown): Promise<unknown> {
          await turn();
          injections++;
          if (what === "refused") return await client.initialize("restart");
          if (what === "a page that navigates") throw navigated;
          return what;
        },
      });
      expect(await client.initialize("first")).toBe(navigated);
      expect(restartsFailed).toEqual([refused]);
      expect(injections).toBe(3);
    });

    it.each<[string, (page: { url: string }) => void]>([
      ["a session was refused", () => starts.restarts()],
      ["the client has another page", (page) => Object.assign(page, { url: "other" })],
    ])("prepares no page anew when %s", async (_, happens) => {
      const error = new Error("Cannot read properties of undefined (reading 'context')");
      let injections = 0;
      const pages = { url: "first" };
      const page = (name: string) => ({ name, url: () => "https://web.whatsapp.com/?post_logout=1" });
      const first = page("first");
      const client = watched({
        get pupPage() {
          return pages.url === "first" ? first : page(pages.url);
        },
        initialize: async (name: unknown): Promise<unknown> => await inject(name),
        async inject(_name: unknown): Promise<unknown> {
          injections++;
          happens(pages);
          throw error;
        },
      });
      const inject = (name: unknown): Promise<unknown> => client.inject(name);
      await expect(client.initialize("own")).rejects.toBe(error);
      expect(injections).toBe(1);
    });

    it("that ends without its restart lets the calls begin that waited for it", async () => {
      const thrown = new Error("thrown by a handler of `auth_failure`");
      let byUser: Promise<unknown> | undefined;
      const client = watched({
        initialize: async (isFirst: unknown): Promise<unknown> => (isFirst ? await inject() : "started"),
        async inject(_: unknown): Promise<unknown> {
          starts.restarts();
          byUser = client.initialize(false);
          throw thrown;
        },
      });
      const inject = (): Promise<unknown> => client.inject("refused");
      await expect(client.initialize(true)).rejects.toBe(thrown);
      expect(await byUser).toBe("started");
    });

    it("rejects as before with every other error, and returns what it returned", async () => {
      await expect(client.inject("page gone")).rejects.toThrow("Execution context was destroyed");
      expect(await client.inject("a value")).toBe("a value");
      expect(restartsFailed).toEqual([]);
    });
  });

  it("knows the client that it watches", () => {
    const client = watched({ initialize: async () => {} });
    expect(starts.watches(client as unknown as ClientLike)).toBe(true);
    expect(starts.watches({} as ClientLike)).toBe(false);
  });

  it("does nothing to a client without initialize()", () => {
    expect(watched({})).toEqual({});
  });
});
