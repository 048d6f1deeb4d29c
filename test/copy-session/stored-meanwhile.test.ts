import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { copySession } from "../../lib/copy-session.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, profileFiles } from "../contract/profile.ts";
import {
  filesOf,
  memory,
  PROFILE,
  RECORDS,
  recordsOf,
  saveFiles,
  saveRecords,
} from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

/** A target in which another process stores a session once the copy has looked at it, and before it writes. */
function target(method: "save" | "replaceRecords", store: (other: Vault) => Promise<unknown>): Vault {
  const blobs = new MemoryBlobs();
  const [to, other] = [new Vault({ blobs }), new Vault({ blobs })];
  const own = (to[method] as (options: unknown) => Promise<unknown>).bind(to);
  const late = async (options: unknown): Promise<unknown> => {
    await store(other);
    return await own(options);
  };
  return Object.assign(to, { [method]: late });
}

describe("copySession into a store where another process has stored the session meanwhile", () => {
  it.each([false, true])("does not replace its profile, with `replace` %s", async (replace) => {
    const from = memory();
    await saveFiles(from, profileFiles("copied"));
    const to = target("save", (other) => saveFiles(other, profileFiles("linked meanwhile")));
    if (replace) await saveFiles(to, profileFiles("seen"));
    await expect(copySession({ from, to, session: PROFILE, replace })).rejects.toMatchObject({ code: "CONFLICT" });
    assertSameFiles(await filesOf(to, folder()), profileFiles("linked meanwhile"));
    await (await to.acquire({ session: PROFILE })).release();
  });

  it.each([false, true])("does not replace its records, with `replace` %s", async (replace) => {
    const from = memory();
    await saveRecords(from, { creds: Buffer.from("copied") });
    const theirs = { creds: Buffer.from("linked meanwhile") };
    let isSeen = false;
    const to = target("replaceRecords", async (other) => {
      if (isSeen) await saveRecords(other, theirs);
    });
    if (replace) await saveRecords(to, { creds: Buffer.from("seen") });
    isSeen = true;
    await expect(copySession({ from, to, session: RECORDS, replace })).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await recordsOf(to)).toEqual(theirs);
    await (await to.acquire({ session: RECORDS })).release();
  });

  it("does not bring back what somebody has deleted meanwhile", async () => {
    const from = memory();
    await saveFiles(from, profileFiles("copied"));
    const to = target("save", (other) => other.delete({ session: PROFILE }));
    await saveFiles(to, profileFiles("seen"));
    const copy = copySession({ from, to, session: PROFILE, replace: true });
    await expect(copy).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await to.sessionExists({ session: PROFILE })).toBe(false);
  });
});
