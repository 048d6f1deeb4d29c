import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withClosedProfile } from "../../lib/browser/closed-profile.ts";
import { pullSession } from "../../lib/local-session/pull-session.ts";
import { pushSession } from "../../lib/local-session/push-session.ts";
import { zipProfile } from "../../lib/zip-profile.ts";
import { assertSameFiles, filesIn, linkedProfileFiles, profileFiles, writeFiles } from "../contract/profile.ts";
import { memory, PROFILE, saveFiles } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
const files = linkedProfileFiles("5511988887777");
const held = { code: "LEASE_HELD" };
let [root, profile]: [string, string] = ["", ""];

beforeEach(async () => {
  root = folder();
  profile = join(root, "session-support");
  await writeFiles(files, profile);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a bot that takes no claim does to a profile: whatsapp-web.js's own `LocalAuth`. */
const uses: [string, () => void][] = [
  ["a browser of another machine", () => symlinkSync("other-machine-27", join(profile, "SingletonLock"))],
  ["a browser that keeps no lock", () => writeFileSync(join(profile, "Default/Preferences"), "{}")],
  [
    "a browser that has ended again",
    () => writeFileSync(join(profile, "Default/Local Storage/leveldb/000003.log"), "another log"),
  ],
];

/** A signal that does `use` once, the first time that it is looked at while `isTime`. */
function signalAt(isTime: () => boolean, use: () => void): AbortSignal {
  const { signal } = new AbortController();
  let isDone = false;
  const look = (): void => {
    if (isDone || !isTime()) return;
    isDone = true;
    use();
  };
  signal.throwIfAborted = look;
  Object.defineProperty(signal, "aborted", {
    get: () => {
      look();
      return false;
    },
  });
  return signal;
}

describe.each(uses)("a profile that %s uses while it is", (_, use) => {
  it("read is refused afterwards, and the result of the work is not given out", async () => {
    const work = async (): Promise<string> => {
      use();
      return "read";
    };
    await expect(withClosedProfile(profile, { isRead: true }, work)).rejects.toMatchObject(held);
    await rm(join(profile, "SingletonLock"), { force: true });
    expect(await withClosedProfile(profile, { isRead: true }, async () => "read")).toBe("read");
  });

  it("zipped makes no zip", async () => {
    const out = join(folder(), "out");
    await writeFiles({ "before.txt": Buffer.from("") }, out);
    const signal = signalAt(() => readdirSync(out).length > 1, use);
    await expect(zipProfile(profile, join(out, "x.zip"), { signal })).rejects.toMatchObject(held);
    expect(readdirSync(out)).toEqual(["before.txt"]);
  });

  it("pushed is not stored", async () => {
    const temporary = join(folder(), "tmp");
    await writeFiles({ "before.txt": Buffer.from("") }, temporary);
    vi.stubEnv("TMPDIR", temporary);
    const to = memory();
    const isZipping = (): boolean =>
      readdirSync(temporary, { recursive: true }).some((name) => String(name).includes("source.zip"));
    await expect(pushSession({ from: profile, to, signal: signalAt(isZipping, use) })).rejects.toMatchObject(held);
    expect(await to.state({ session: PROFILE })).toBeUndefined();
  });

  it("to be replaced by a pull stays where it is", async () => {
    const from = memory();
    await saveFiles(from, profileFiles("stored"));
    const onProgress = ({ step }: { step: string }): void => {
      if (step === "writing") use();
    };
    const pull = pullSession({ from, session: PROFILE, to: profile, form: "profile", overwrite: true, onProgress });
    await expect(pull).rejects.toMatchObject(held);
    await rm(join(profile, "SingletonLock"), { force: true });
    expect(Object.keys(await filesIn(profile))).toEqual(expect.arrayContaining(Object.keys(files)));
    expect(readdirSync(root)).toEqual(["session-support"]);
  });
});

it("a profile that nobody uses meanwhile is read as it is", async () => {
  const zip = join(folder(), "x.zip");
  await zipProfile(profile, zip);
  expect(existsSync(zip)).toBe(true);
  assertSameFiles(await filesIn(profile), files);
});
