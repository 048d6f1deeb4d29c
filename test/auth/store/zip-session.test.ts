import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import { LIMITS } from "../../../lib/auth/store/zip-store-client.ts";
import type { VaultError } from "../../../lib/errors.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";

const signal = new AbortController().signal;
const session = "RemoteAuth-zip";
let dataPath: string;

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});

/** Keeps the last zip. */
class KeptZip {
  bytes: Buffer | undefined;
  sessionExists = (): boolean => this.bytes !== undefined;
  save = async ({ path = "" }: { path?: string | undefined }): Promise<void> => {
    this.bytes = await readFile(path);
  };
  extract = ({ path }: { path: string }): Promise<void> => writeFile(path, this.bytes ?? "");
  delete = async (): Promise<void> => {
    this.bytes = undefined;
  };
}

function linkTo(store: Partial<SessionStore>): ZipSession {
  return new ZipSession({ ...new KeptZip(), ...store }, session, dataPath, false, { ...LIMITS, graceMs: 0 });
}

const notLinked = new Error("not linked");
const saving = { stored: undefined, beforeCommit: () => {}, signal };

describe("a save", () => {
  it("that was aborted ends before a delete begins", async () => {
    const log: string[] = [];
    const [asked, finished] = [gate(), gate()];
    const link = linkTo({
      save: async () => {
        asked.open();
        await finished.opened;
        log.push("saved");
      },
      delete: async () => void log.push("deleted"),
    });
    const stop = new AbortController();
    const saved = link.save(captureOf(profileFiles("one")), { ...saving, signal: stop.signal });
    await Promise.race([asked.opened, saved]);
    stop.abort(new Error("logged out"));
    await expect(saved).rejects.toThrow("logged out");
    const deleted = link.delete();
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual([]);
    finished.open();
    await deleted;
    expect(log).toEqual(["saved", "deleted"]);
  });

  it.each([
    [
      "is called off before the store is asked",
      {
        beforeCommit: () => {
          throw notLinked;
        },
      },
      {},
      notLinked,
    ],
    [
      "fails in the store",
      {},
      { save: () => Promise.reject(new Error("down")) },
      { code: "UNAVAILABLE", message: expect.stringMatching(/save.*down/) },
    ],
    [
      "cannot ask the store whether it still has it",
      { stored: "?" },
      { sessionExists: () => Promise.reject(new Error("down")) },
      { code: "UNAVAILABLE", message: expect.stringMatching(/down/) },
    ],
  ])("that %s fails for that reason, and leaves no zip behind", async (_what, options, store, reason) => {
    const link = linkTo(store);
    const capture = captureOf(profileFiles("one"));
    const stored = "stored" in options ? (await linkTo({}).save(capture, saving)).id : undefined;
    const error = await link.save(capture, { ...saving, ...options, stored }).catch((cause: unknown) => cause);
    if (reason === notLinked) expect(error).toBe(notLinked);
    else expect(error).toMatchObject(reason);
    expect(await readdir(dataPath)).toEqual([]);
  });

  it("of the same content sends nothing", async () => {
    const saves: string[] = [];
    const kept = new KeptZip();
    const save = async ({ session, path }: { session: string; path?: string | undefined }): Promise<void> => {
      saves.push(session);
      await kept.save({ path });
    };
    const link = linkTo({ ...kept, save });
    const first = await link.save(captureOf(profileFiles("one")), saving);
    const second = await link.save(captureOf(profileFiles("one")), { ...saving, stored: first.id });
    expect(second).toMatchObject({ unchanged: true, bytesSent: 0 });
    expect(saves).toEqual([session]);
  });
});

describe("a store that answers neither true nor false whether it has a session", () => {
  it.each<[unknown, string]>([
    [1, "a number"],
    [0, "a number"],
    [{ token: "secret" }, "an object (Object)"],
    [[{ token: "secret" }], "an array of 1"],
    [[], "an array of 0"],
    ["secret", "a string of 6 characters"],
    [null, "null"],
    [undefined, "undefined"],
    [1n, "a bigint"],
  ])("%#: is UNAVAILABLE, and the error names the kind of the answer alone", async (answer, kind) => {
    const error = await linkTo({ sessionExists: () => answer as boolean })
      .open(signal)
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message: `Could not look for the session ${session}: the store answered neither true nor false, but ${kind}.`,
      hint: expect.stringContaining("Only `true` means"),
    });
    expect(`${error} ${(error as VaultError).hint}`).not.toContain("secret");
  });
});

describe("a fetched zip", () => {
  it("is removed when the local profile is kept, and there is at most one", async () => {
    for (const kind of ["fetched-1.zip", "returned-1.zip", "made.zip"]) {
      await writeFile(join(dataPath, `${session}.${kind}`), "of a process that was killed");
    }
    const link = linkTo({ sessionExists: () => true, extract: ({ path }) => writeFile(path, "zip") });
    expect(await link.open(signal)).toMatchObject({ kind: "current" });
    expect(await readdir(dataPath)).toEqual([expect.stringMatching(/^RemoteAuth-zip\.fetched-[0-9a-f]{12}\.zip$/)]);
    await link.keepLocal();
    expect(await readdir(dataPath)).toEqual([]);
  });

  it("is removed when the store writes it after the start was given up, and disturbs no later one", async () => {
    const [asked, ended] = [gate(), gate()];
    let [written, answer] = ["late", ended.opened];
    const extract = async ({ path }: { path: string }): Promise<void> => {
      const text = written;
      asked.open();
      await answer;
      await writeFile(path, text);
    };
    const link = linkTo({ sessionExists: () => true, extract });
    const stop = new AbortController();
    const opened = link.open(stop.signal);
    await Promise.race([asked.opened, opened]);
    stop.abort(new Error("enough"));
    await expect(opened).rejects.toThrow("enough");
    await link.close();
    [written, answer] = ["next", Promise.resolve()];
    const next = linkTo({ sessionExists: () => true, extract });
    await next.open(signal);
    ended.open();
    const [name = ""] = (await readdir(dataPath)).filter((each) => each.includes(".fetched-"));
    expect(await readFile(join(dataPath, name), "utf8")).toBe("next");
    await next.close();
    await expect.poll(() => readdir(dataPath), { timeout: 240_000 }).toEqual([]);
  });
});
