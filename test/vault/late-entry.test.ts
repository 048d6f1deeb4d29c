import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { captureOf, type Files, profileFiles } from "../contract/profile.ts";
import { LatePuts } from "./late-puts.ts";

const session = "RemoteAuth-bot";

let parent: string;
let line: LatePuts;
let store: Vault;
let lease: Lease;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "wa-vault-late-"));
  line = new LatePuts();
  store = open();
  lease = await store.acquire({ session });
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function open(options: VaultOptions = {}): Vault {
  return new Vault({ blobs: line, retries: 0, retryDelayMs: 0, onWarning: () => {}, ...options });
}

function save(value: string, more: Files = {}, by = store, hold = lease): Promise<SaveReport> {
  return by.saveProfile({ session, lease: hold, capture: captureOf(profileFiles(value, more)) });
}

describe("a deletion that finds nothing to do while a save is on its way", () => {
  it("keeps out the first save of a new session", async () => {
    await line.during(() => save("logged out"));
    await store.delete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await save("linked anew");
    expect(await store.sessionExists({ session })).toBe(true);
  });

  it("keeps it out when nobody names the lease", async () => {
    await line.during(() => save("logged out"));
    await store.delete({ session });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("keeps it out when an older hold of the vault itself is still known", async () => {
    await save("before");
    await store.delete({ session, retainMs: 0 });
    lease = await store.acquire({ session });
    await line.during(() => save("logged out"));
    await store.delete({ session });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("keeps out the first save after an earlier deletion, and leaves that one to be taken back", async () => {
    const { generation } = await save("before");
    await store.delete({ session, lease });
    await line.during(() => save("logged out"));
    await store.delete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await store.undelete({ session, lease });
    expect((await store.state({ session }))?.current?.generation).toBe(generation);
  });

  it("deletes for good what arrived meanwhile", async () => {
    await line.during(() => save("logged out"));
    await store.delete({ session, lease, retainMs: 0 });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    const left: string[] = [];
    for await (const { key } of line.list(`${session}/chunks/`)) left.push(key);
    expect(left).toEqual([]);
  });

  it("does not succeed for a holder that was overtaken meanwhile", async () => {
    const other = open();
    await save("theirs", {}, other, await other.acquire({ session }));
    await expect(store.delete({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
  });
});

describe("a deletion that is taken back while it is on its way", () => {
  it("stays taken back", async () => {
    await save("one");
    await line.during(() => store.delete({ session, lease }));
    await store.undelete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(true);
  });
});
