import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { takeOver } from "../../support/take-over.ts";
import { holdBack, Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";

let backend: MemoryBlobs;
let requests: Requests;
let store: Vault;
let lease: Lease;

beforeEach(async () => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  store = new Vault({ blobs: requests, retries: 0 });
  lease = await store.acquire({ session });
});

function save(value: string, beforeCommit?: () => void): Promise<SaveReport> {
  return store.saveProfile({ session, lease, beforeCommit, capture: captureOf(profileFiles(value)) });
}

async function current(): Promise<number | undefined> {
  return (await new Vault({ blobs: backend }).state({ session }))?.current?.generation;
}

describe("a save of a profile that has not changed", () => {
  it("rejects with LEASE_LOST when another process has taken the session, and deleted it", async () => {
    await save("one");
    const other = new Vault({ blobs: backend });
    await other.delete({ session, lease: await takeOver(other, session), retainMs: 0 });
    await expect(save("one")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(lease.lost.aborted).toBe(true);
  });

  it("stays current when a save that was given up before it arrives later", async () => {
    const { generation, id } = await save("one");
    const late = holdBack(requests);
    await expect(save("two")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    expect(await save("one")).toMatchObject({ unchanged: true, generation, id });
    await expect(late.arrive()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await current()).toBe(generation);
  });

  it("is a new generation when a save that was given up before has arrived since", async () => {
    await save("one");
    const late = holdBack(requests);
    await expect(save("two")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await late.arrive();
    requests.passAll();
    expect(await save("one")).toMatchObject({ unchanged: false, generation: 4 });
    expect(await current()).toBe(4);
  });

  it("is one also when it arrives during the save", async () => {
    await save("one");
    const late = holdBack(requests);
    await expect(save("two")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    let commits = 0;
    requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/log/") && late.isPending) await late.arrive();
      return go();
    };
    expect(await save("one", () => commits++)).toMatchObject({ unchanged: false, generation: 4 });
    expect(commits).toBe(1);
    expect(await current()).toBe(4);
  });

  it("is given up before its entry, when there is to be none", async () => {
    await save("one");
    const late = holdBack(requests);
    await expect(save("two")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    const no = new Error("no");
    const refuse = (): never => {
      throw no;
    };
    await expect(save("one", refuse)).rejects.toBe(no);
    await late.arrive();
    expect(await current()).toBe(3);
  });
});
