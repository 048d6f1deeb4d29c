import { describe, expect, it } from "vitest";
import { VaultError } from "../lib/errors.ts";
import { deletedWarning, type ListingStore, OtherNames, otherSessions } from "../lib/other-sessions.ts";
import type { SessionState } from "../lib/store.ts";

const current = { generation: 2 } as SessionState["current"];
const STORED = { entry: 2, epoch: 1, kind: "profile", generations: [], current } as SessionState;
const DELETED = { entry: 3, epoch: 1, kind: "profile", generations: [] } as const;
const HOUR = 3_600_000;

/** A store that has these sessions; `undefined`: nothing is known of it by now. */
function storeOf(states: Record<string, SessionState | undefined>): ListingStore {
  return {
    async *sessions() {
      yield* Object.keys(states);
    },
    state: async ({ session }) => states[session],
  };
}

/** What a person is told. */
async function told(...args: Parameters<typeof otherSessions>): Promise<string | undefined> {
  return (await otherSessions(...args))?.toString();
}

describe("the other sessions of a store", () => {
  it("are named, nearest first", async () => {
    const store = storeOf({ "RemoteAuth-zz": STORED, "RemoteAuth-bit": STORED, "RemoteAuth-bot": STORED });
    expect(await told(store, "RemoteAuth-bot")).toBe("RemoteAuth-bit, RemoteAuth-zz");
  });

  it("are five at most, and how many more there are", async () => {
    const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`RemoteAuth-x${n}`, STORED]));
    const text = await told(storeOf(many), "RemoteAuth-x1");
    expect(text).toBe("RemoteAuth-x0, RemoteAuth-x10, RemoteAuth-x11, RemoteAuth-x12, RemoteAuth-x13 and 2994 more");
  });

  it("are named as deleted while data of them are there, whatever the clock of this host says", async () => {
    const at = new Date();
    const store = storeOf({
      "RemoteAuth-a": { ...DELETED, deleted: { at, until: new Date(Date.now() + HOUR) } },
      "RemoteAuth-b": { ...DELETED, deleted: { at, until: new Date(Date.now() - HOUR) } },
      "RemoteAuth-c": { ...DELETED, deleted: { at } },
      "RemoteAuth-d": { entry: 4, epoch: 1, generations: [], deleted: { at } },
    });
    expect(await told(store, "RemoteAuth-x")).toBe(
      "RemoteAuth-a (deleted), RemoteAuth-b (deleted), RemoteAuth-c (deleted)",
    );
  });

  it("are named with their kind where it is another one", async () => {
    const store = storeOf({ "Baileys-a": { ...STORED, kind: "records" }, "RemoteAuth-a": STORED });
    expect(await told(store, "RemoteAuth-a")).toBe("Baileys-a (of Baileys)");
    expect(await told(store, "Baileys-a")).toBe("RemoteAuth-a (of a browser)");
  });

  it("are none where nothing was saved", async () => {
    const store = storeOf({ "RemoteAuth-a": { entry: 1, epoch: 1, generations: [] }, "RemoteAuth-b": undefined });
    expect(await told(store, "RemoteAuth-x")).toBeUndefined();
    expect(await told(storeOf({ "RemoteAuth-x": STORED }), "RemoteAuth-x")).toBeUndefined();
  });

  it("are named although one of them cannot be read", async () => {
    const store = storeOf({ "RemoteAuth-a": STORED });
    store.state = () => Promise.reject(new VaultError("CORRUPT", "damaged"));
    expect(await told(store, "RemoteAuth-x")).toBe("RemoteAuth-a");
  });

  it("never reach a message when their names are none", async () => {
    const names = ["a\nb", "a b", "", "\u001b[2J", "ä", "x".repeat(129), "../x"];
    const store = storeOf(Object.fromEntries(names.map((name) => [name, STORED])));
    expect(await told(store, "RemoteAuth-x")).toBeUndefined();
  });
});

describe("a store that does not list", () => {
  it.each(["DENIED", "UNAVAILABLE"] as const)("because it answers %s, tells nothing", async (code) => {
    const store = storeOf({});
    store.sessions = async function* () {
      yield "RemoteAuth-a";
      throw new VaultError(code, "no");
    };
    expect(await told(store, "RemoteAuth-x")).toBeUndefined();
    store.sessions = () => {
      throw new VaultError(code, "no");
    };
    expect(await told(store, "RemoteAuth-x")).toBeUndefined();
  });

  it("because it cannot, tells nothing", async () => {
    expect(await told({ state: async () => STORED }, "RemoteAuth-x")).toBeUndefined();
  });

  it("in time, tells what it has listed by then", async () => {
    const store = storeOf({ "RemoteAuth-a": STORED });
    store.sessions = async function* () {
      yield "RemoteAuth-a";
      await new Promise(() => {});
    };
    expect(await told(store, "RemoteAuth-x", { limitMs: 50 })).toBe("RemoteAuth-a and more");
    store.sessions = async function* () {
      await new Promise(() => {});
    };
    expect(await told(store, "RemoteAuth-x", { limitMs: 50 })).toBeUndefined();
  });

  it("is not waited for after an abort", async () => {
    const controller = new AbortController();
    const store = storeOf({});
    store.sessions = async function* () {
      yield "RemoteAuth-a";
      controller.abort(new Error("over"));
      await new Promise(() => {});
    };
    expect(await told(store, "RemoteAuth-x", controller)).toBeUndefined();
  });
});

describe("the warning of a deletion", () => {
  it("says until when `undelete` works at least, and that it may work once this clock has passed that", () => {
    const [at, until] = [new Date(0), new Date(Date.now() + HOUR)];
    const told = "x was deleted at 1970-01-01T00:00:00.000Z: this bot links a new device.";
    const brings = "`undelete` of the store brings it back";
    expect(deletedWarning("x", { at })).toBe(`${told} ${brings}.`);
    expect(deletedWarning("x", { at, until })).toBe(`${told} ${brings} until ${until.toISOString()}.`);
    expect(deletedWarning("x", { at, until: at })).toBe(told);
    const may = "`undelete` of the store may still bring it back";
    expect(deletedWarning("x", { at, until: new Date(HOUR) })).toBe(`${told} ${may}.`);
  });
});

describe("names near to one", () => {
  it("are told as they are among the others, and how many others there are is left out", () => {
    const [support, baileys] = [
      { name: "RemoteAuth-Support" },
      { name: "Baileys-support", marks: ["of Baileys", "deleted"] },
    ];
    const names = new OtherNames([support, baileys, { name: "RemoteAuth-sales", marks: ["deleted"] }], 7);
    const near = "RemoteAuth-Support, Baileys-support (of Baileys, deleted)";
    expect(String(names)).toBe(`${near}, RemoteAuth-sales (deleted) and 7 more`);
    expect(String(names.nearTo("RemoteAuth-support"))).toBe(near);
    expect(new OtherNames([{ name: "RemoteAuth-a" }], undefined).nearTo("RemoteAuth-more")).toBeUndefined();
  });
});
