import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { copySession } from "../../../lib/copy-session.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { testKey } from "../../support/keys.ts";
import { outage, Requests } from "../support/requests.ts";

const folder = useFolder();
const absent = "RemoteAuth-supprot";
let requests: Requests;
let store: Vault;

beforeEach(async () => {
  requests = new Requests(new MemoryBlobs());
  store = new Vault({ blobs: requests, retries: 0, encryption: { key: testKey(1) } });
  for (const session of ["RemoteAuth-support", "RemoteAuth-sales"]) {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
    await lease.release();
  }
});

async function names(): Promise<string[]> {
  const found: string[] = [];
  for await (const name of store.sessions()) found.push(name);
  return found;
}

const calls: Record<string, () => Promise<unknown>> = {
  restoreProfile: () => store.restoreProfile({ session: absent, into: folder() }),
  extract: () => store.extract({ session: absent, path: join(folder(), "x.zip") }),
  undelete: () => store.undelete({ session: absent }),
  rekey: () => store.rekey({ session: absent }),
  copySession: () => copySession({ from: store, to: new Vault({ blobs: new MemoryBlobs() }), session: absent }),
  "copySession from another name": () =>
    copySession({
      from: store,
      to: new Vault({ blobs: new MemoryBlobs() }),
      session: "RemoteAuth",
      fromSession: absent,
    }),
};

describe("a session that is absent", () => {
  it.each(Object.keys(calls))("makes %s name those that are there, and writes nothing", async (call) => {
    const error = await calls[call]?.().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "ABSENT",
      hint: expect.stringMatching(/ has RemoteAuth-support, RemoteAuth-sales\.$/),
    });
    expect(await names()).toEqual(["RemoteAuth-support", "RemoteAuth-sales"]);
  });

  it("makes rollback name those that are there, under a lease", async () => {
    const lease = await store.acquire({ session: absent });
    const rollback = store.rollback({ session: absent, lease, generation: 2 });
    await expect(rollback).rejects.toMatchObject({ code: "ABSENT", hint: /RemoteAuth-support/ });
    await lease.release();
  });

  it.each(Object.keys(calls))("is ABSENT to %s also when the store refuses to list sessions", async (call) => {
    const { list } = requests;
    requests.list = (prefix, options) => {
      if (prefix === "_sessions/") throw outage();
      return list.call(requests, prefix, options);
    };
    await expect(calls[call]?.()).rejects.toMatchObject({ code: "ABSENT", hint: undefined });
  });

  it("is told from a deletion that cannot be taken back, and from a generation that is not kept", async () => {
    await store.delete({ session: "RemoteAuth-sales", retainMs: 0 });
    await expect(store.undelete({ session: "RemoteAuth-sales" })).rejects.toMatchObject({ code: "ABSENT" });
    const named = store.restoreProfile({ session: "RemoteAuth-support", into: folder(), generation: 99 });
    await expect(named).rejects.toMatchObject({ code: "ABSENT", hint: undefined });
  });
});
