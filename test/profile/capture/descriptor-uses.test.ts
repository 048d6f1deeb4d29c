import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { DescriptorUses } from "../../../lib/profile/capture/descriptor-uses.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { levelDbProfile, sqliteProfile, writeFiles } from "../support/small-profile.ts";

const newFolder = useFolder();

describe("DescriptorUses", () => {
  let uses: DescriptorUses;
  let handle: FileHandle;
  let other: FileHandle;

  beforeEach(async () => {
    uses = new DescriptorUses();
    [handle, other] = [await open(import.meta.filename, "r"), await open(import.meta.filename, "r")];
  });

  afterEach(async () => {
    await handle.close();
    await other.close();
  });

  it("gives work the descriptor and the position, and returns what it returns", async () => {
    expect(await uses.run(handle, 7, async ({ fd, position }) => [fd, position])).toEqual([handle.fd, 7]);
    expect(uses.has(handle)).toBe(false);
  });

  it("waits for all work with a descriptor, and for no other", async () => {
    const [first, second, apart] = [gate(), gate(), gate()];
    const working = [first, second].map((each) => uses.run(handle, 0, () => each.opened));
    const beside = uses.run(other, 0, () => apart.opened);
    let isEnded = false;
    const end = uses.end(handle).then(() => {
      isEnded = true;
    });
    first.open();
    await working[0];
    await new Promise(setImmediate);
    expect(isEnded).toBe(false);
    expect(uses.has(handle)).toBe(true);
    second.open();
    await end;
    expect(uses.has(handle)).toBe(false);
    expect(uses.has(other)).toBe(true);
    apart.open();
    await beside;
  });

  it("gives nobody a descriptor that is about to be closed", async () => {
    const held = gate();
    const working = uses.run(handle, 0, () => held.opened);
    const end = uses.end(handle);
    let isCalled = false;
    const late = uses.run(handle, 0, async () => {
      isCalled = true;
    });
    expect(late).toBeUndefined();
    held.open();
    await Promise.all([working, end]);
    expect(uses.run(handle, 0, async () => {})).toBeUndefined();
    expect(isCalled).toBe(false);
    expect(await uses.run(other, 0, async () => "another one")).toBe("another one");
  });

  it("ends also when the work fails", async () => {
    const failing = uses.run(handle, 0, async () => {
      throw new Error("no");
    });
    await Promise.all([uses.end(handle), expect(failing).rejects.toThrow("no")]);
  });
});

describe("a capture", () => {
  it.each([
    ["LevelDB", levelDbProfile(), /\.ldb$/],
    ["SQLite", sqliteProfile(), /IndexedDB[^-]*$/],
  ] as const)("closes no descriptor of %s by which a thread reads", async (_form, files, pattern) => {
    const dir = join(newFolder(), "profile");
    await writeFiles(dir, files);
    const capture = await captureProfile(dir, { live: true });
    const file = capture.files.find(({ path, withDescriptor }) => pattern.test(path) && withDescriptor);
    const reading = gate();
    let number = -1;
    const read = file?.withDescriptor?.(async ({ fd }) => {
      number = fd;
      await reading.opened;
      return fstatSync(fd).size;
    });
    let isClosed = false;
    const close = capture.close().then(() => {
      isClosed = true;
    });
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    expect(fstatSync(number).isFile()).toBe(true);
    reading.open();
    expect(await read).toBeGreaterThan(0);
    await close;
    expect(file?.withDescriptor?.(async () => "read")).toBeUndefined();
  });
});
