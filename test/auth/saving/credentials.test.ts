import { rm } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { CredentialsCheck } from "../../../lib/auth/saving/credentials.ts";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { bothDatabases, VALUE, WID } from "../../profile/support/credentials.ts";
import {
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  writeFiles,
  youngLevelDb,
} from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { holdTime, passTime } from "../../support/monotonic-clock.ts";

const linked = youngLevelDb([[WID, VALUE]]);
const gone = youngLevelDb([[WID, VALUE], [WID]]);
const linkedAnew = youngLevelDb([
  [WID, VALUE],
  [WID, '\u0001"15550002222:1@c.us"'],
]);
const never = new AbortController().signal;
let dir: string;
let check: CredentialsCheck;

const folder = useFolder();
beforeEach(() => {
  dir = folder();
  holdTime();
  check = new CredentialsCheck({ session: "RemoteAuth", dir });
});

async function put(localStorage: Files): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  await writeFiles(dir, bothDatabases, INDEXED_DB);
  await writeFiles(dir, localStorage, LOCAL_STORAGE);
}

async function save(localStorage: Files, linkedSince: number = performance.now()): Promise<void> {
  await put(localStorage);
  const capture = await captureProfile(dir, { live: false });
  try {
    await check.mustBeIn(capture, linkedSince);
  } finally {
    await capture.close();
  }
}

describe("CredentialsCheck", () => {
  it("refuses captures without credentials for ten minutes after the last look that found some", async () => {
    const since = performance.now();
    await save(linked, since);
    passTime(500_000);
    await save(linked, since);
    passTime(590_000);
    await expect(save(gone, since)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "Session RemoteAuth is not saved: Local Storage is not on disk.",
      hint: expect.stringContaining("stays as it is"),
    });
    expect(check.arePresent).toBe(false);
    await save(linked, since);
    expect(check.arePresent).toBe(true);
  });

  it("allows a capture without credentials when the page has stayed linked for longer than the limit", async () => {
    const since = performance.now();
    await save(linked, since);
    passTime(700_000);
    await save(gone, since);
  });

  it("waits for the credentials of a new link, a minute at most", async () => {
    const since = performance.now();
    await expect(save(youngLevelDb([["VERSION", "1"]]), since)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("is not saved yet: "),
    });
    await save(youngLevelDb([["VERSION", "1"]]), since - 61_000);
    passTime(61_000);
    await save(youngLevelDb([["VERSION", "1"]]), since);
  });

  it("does not mistake the credentials of the link before for those of the new link", async () => {
    const since = performance.now();
    await save(linked, since);
    await check.expectNewLink(never);
    await expect(save(linked, since)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("still has the credentials of the link before"),
    });
    expect(await check.areOnDisk(never)).toBe(false);
    await put(linkedAnew);
    expect(await check.areOnDisk(never)).toBe(true);
  });
});
