import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Marker, readMarker, removeMarker, writeMarker } from "../../../lib/auth/local/marker.ts";
import { useFolder } from "../../support/folder.ts";

const MARKER_NAME = ".wa-vault.json";
const session = "RemoteAuth";
let dir: string;
const folder = useFolder();
beforeEach(() => {
  dir = folder();
});

const saved: Marker = {
  session,
  history: [{ id: "c", generation: 7 }],
  isSuperseded: false,
  refusedCredentials: undefined,
  isUnsaved: false,
  entry: undefined,
};

describe("the bytes of a marker", () => {
  it.each<[string, Marker, string]>([
    ["one version", saved, '{"v":1,"session":"RemoteAuth","base":"c","generation":7}'],
    [
      "a version without a generation",
      { ...saved, history: [{ id: "c" }] },
      '{"v":1,"session":"RemoteAuth","base":"c"}',
    ],
    [
      "ancestors",
      { ...saved, history: [{ id: "a" }, { id: "b" }, ...saved.history] },
      '{"v":1,"session":"RemoteAuth","base":"c","generation":7,"ancestors":["a","b"]}',
    ],
    [
      "a superseded profile",
      { ...saved, isSuperseded: true },
      '{"v":1,"session":"RemoteAuth","base":"c","generation":7,"disowned":true}',
    ],
    [
      "a profile that no store has as it is, and the newest entry that was seen",
      { ...saved, isUnsaved: true, entry: 9 },
      '{"v":1,"session":"RemoteAuth","base":"c","generation":7,"unsaved":true,"entry":9}',
    ],
    [
      "every field",
      {
        ...saved,
        history: [{ id: "a" }, ...saved.history],
        isSuperseded: true,
        refusedCredentials: "hash",
        isUnsaved: true,
        entry: 9,
      },
      '{"v":1,"session":"RemoteAuth","base":"c","generation":7,"disowned":true,"link":"hash","ancestors":["a"],"unsaved":true,"entry":9}',
    ],
  ])("of %s stay the same, and are read as the same marker", async (_, marker, bytes) => {
    await writeMarker(dir, marker);
    expect(await readFile(join(dir, MARKER_NAME), "utf8")).toBe(bytes);
    expect(await readMarker(dir)).toEqual(marker);
  });

  it("have no refused credentials unless the profile is superseded", async () => {
    await writeMarker(dir, { ...saved, refusedCredentials: "hash" });
    expect(await readMarker(dir)).toEqual(saved);
  });
});

describe("readMarker", () => {
  it("is undefined when the directory, the file or the profile is missing", async () => {
    expect(await readMarker(dir)).toBeUndefined();
    expect(await readMarker(join(dir, "missing"))).toBeUndefined();
    await writeFile(join(dir, "file"), "");
    expect(await readMarker(join(dir, "file"))).toBeUndefined();
  });

  it.each([
    ["a torn file", '{"v":1,"session":"RemoteAuth","ba'],
    ["an empty file", ""],
    ["null", "null"],
    ["another version", '{"v":2,"session":"RemoteAuth","base":"c"}'],
    ["no session", '{"v":1,"base":"c"}'],
    ["a base that is no text", '{"v":1,"session":"RemoteAuth","base":7}'],
  ])("is undefined for %s", async (_, text) => {
    await writeFile(join(dir, MARKER_NAME), text);
    expect(await readMarker(dir)).toBeUndefined();
  });

  it.each<[unknown, string[]]>([
    [
      ["a", "b"],
      ["a", "b", "c"],
    ],
    [undefined, ["c"]],
    ["a", ["c"]],
    [[1], ["c"]],
  ])("reads the ancestors %j as the versions %j", async (ancestors, ids) => {
    await writeFile(join(dir, MARKER_NAME), JSON.stringify({ v: 1, session, base: "c", ancestors }));
    expect((await readMarker(dir))?.history.map(({ id }) => id)).toEqual(ids);
  });

  it("ignores optional fields of another type", async () => {
    const fields = { v: 1, session, base: "c", generation: "7", disowned: "yes", link: 1, unsaved: "yes", entry: "9" };
    await writeFile(join(dir, MARKER_NAME), JSON.stringify(fields));
    expect(await readMarker(dir)).toEqual({ ...saved, history: [{ id: "c" }] });
  });
});

describe("writeMarker", () => {
  it("replaces a marker, leaves no temporary file, and lets only the owner read it", async () => {
    await writeMarker(dir, { ...saved, history: [{ id: "b" }] });
    await writeMarker(dir, saved);
    expect(await readMarker(dir)).toEqual(saved);
    expect(await readdir(dir)).toEqual([MARKER_NAME]);
    if (process.platform !== "win32") expect((await stat(join(dir, MARKER_NAME))).mode & 0o777).toBe(0o600);
  });

  it("replaces a directory of that name", async () => {
    await mkdir(join(dir, MARKER_NAME, "below"), { recursive: true });
    await writeMarker(dir, saved);
    expect(await readMarker(dir)).toEqual(saved);
  });

  it("refuses a marker without a version", async () => {
    await expect(writeMarker(dir, { ...saved, history: [] })).rejects.toThrow(TypeError);
    expect(await readdir(dir)).toEqual([]);
  });
});

it("removeMarker removes the file or directory of that name, and resolves without one", async () => {
  await removeMarker(dir);
  await writeMarker(dir, saved);
  await removeMarker(dir);
  await mkdir(join(dir, MARKER_NAME, "below"), { recursive: true });
  await removeMarker(dir);
  expect(await readdir(dir)).toEqual([]);
});
