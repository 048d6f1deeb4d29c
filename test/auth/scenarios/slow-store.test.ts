import { readdir } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { ProfileSession } from "../../../lib/auth/store/profile-session.ts";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import type { Lease, SessionStore } from "../../../lib/store.ts";
import { captureOf } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { linkedProfile } from "../support/linked-profile.ts";

const session = "RemoteAuth";
const silent = { code: "UNAVAILABLE", message: expect.stringContaining("did not answer within 0.02 s") };
const never = (): Promise<never> => new Promise(() => {});
const signal = new AbortController().signal;
let dataPath: string;

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});

/** A four-method store, some of whose methods never settle. */
function linkTo(store: Partial<SessionStore>): ZipSession {
  const nothing = async (): Promise<void> => {};
  const whole: SessionStore = { sessionExists: () => true, save: nothing, extract: nothing, delete: nothing, ...store };
  const limits = { answerMs: 20, transferMs: 20, deleteMs: 20, shownMs: 20, graceMs: 0 };
  return new ZipSession(whole, session, dataPath, false, limits);
}

describe("a store that never answers", () => {
  it.each(["sessionExists", "extract"] as const)("to %s fails the start within its time limit", async (method) => {
    const link = linkTo({ [method]: never });
    await expect(link.open(signal)).rejects.toMatchObject(silent);
    await link.close();
    expect(await readdir(dataPath)).toEqual([]);
  });

  it("to save makes later saves fail within their time limit, with the reason", async () => {
    let asked = 0;
    const link = linkTo({
      save: () => {
        asked += 1;
        return never();
      },
    });
    const save = () => {
      const capture = captureOf(linkedProfile("one"));
      return link.save(capture, { stored: undefined, beforeCommit: () => {}, signal });
    };
    // The zip itself may take that long on a busy machine.
    while (asked === 0) await expect(save()).rejects.toMatchObject(silent);
    // The store may still be reading the zip of the last one.
    await expect(save()).rejects.toMatchObject(silent);
    expect(asked).toBe(1);
    await expect(link.delete()).rejects.toMatchObject(silent);
  });

  it("to delete fails the logout within its time limit", async () => {
    await expect(linkTo({ delete: never }).delete()).rejects.toMatchObject(silent);
  });

  it("does not delay a call whose signal has aborted", async () => {
    const stop = new AbortController();
    const opened = linkTo({ sessionExists: never }).open(stop.signal);
    stop.abort(new Error("enough"));
    await expect(opened).rejects.toThrow("enough");
  });
});

describe("a store that takes profiles and never answers", () => {
  class SilentStore extends MemoryStore {
    override async acquire(options: { session: string }): Promise<Lease> {
      return Object.defineProperty(await super.acquire(options), "release", { value: never });
    }
    override delete(): Promise<never> {
      return never();
    }
  }

  it("delays a logout and the end of a run only up to the time limit", async () => {
    const link = new ProfileSession(new SilentStore(), session, {}, { deleteMs: 20, releaseMs: 20 });
    expect(await link.open(signal)).toMatchObject({ kind: "absent" });
    await expect(link.delete(0)).rejects.toMatchObject({ code: "UNAVAILABLE", hint: expect.any(String) });
    await link.close();
    await link.close();
  });
});
