import { beforeEach, describe, expect, it } from "vitest";
import { VersionHistory } from "../../../lib/auth/local/version-history.ts";
import type { StoredVersion } from "../../../lib/auth/store/store-session.ts";
import { holdTime, passTime } from "../../support/monotonic-clock.ts";

const MINUTE_MS = 60_000;

beforeEach(holdTime);

function version(generation: number): StoredVersion {
  return { id: `id ${generation}`, generation };
}

function ids({ versions }: VersionHistory): string[] {
  return versions.map(({ id }) => id);
}

describe("the versions of a profile", () => {
  it("are the ancestors of the opened version and the saved versions, each once", () => {
    const history = new VersionHistory([{ id: "a" }, version(3)]);
    expect(history.newest).toMatchObject(version(3));
    history.add(version(4));
    history.add(version(4));
    expect(ids(history)).toEqual(["a", "id 3", "id 4"]);
    expect(new VersionHistory().newest).toBeUndefined();
  });

  it("are one version only in a store without generations", () => {
    const history = new VersionHistory([{ id: "one" }]);
    history.add({ id: "two" });
    expect(ids(history)).toEqual(["two"]);
  });

  it("end with the version to which the store was rolled back", () => {
    const history = new VersionHistory([{ id: "a" }, version(3)]);
    history.add(version(4));
    history.add(version(5));
    history.goBack(version(3));
    expect(ids(history)).toEqual(["a", "id 3"]);
    history.goBack({ id: "unknown", generation: 2 });
    expect(ids(history)).toEqual(["unknown"]);
  });

  it("are the last 300 ancestors and the newest version", () => {
    const history = new VersionHistory([version(1)]);
    for (let generation = 2; generation < 1_000; generation++) history.add(version(generation));
    expect(ids(history)).toEqual(Array.from({ length: 301 }, (_, index) => `id ${699 + index}`));
  });
});

describe("the candidates for a rollback", () => {
  it("are the opened version and saves older than a minute", () => {
    const history = new VersionHistory([version(2), version(3)]);
    expect(history.rollbackCandidates()).toEqual([]);
    history.add(version(4));
    history.add(version(4));
    history.add(version(7));
    const now = performance.now();
    expect(history.rollbackCandidates(now)).toEqual([version(3)]);
    expect(history.rollbackCandidates(now + 2 * MINUTE_MS)).toEqual([]);
  });

  it("are the first save of a new link when all its saves are newer than a minute", () => {
    const history = new VersionHistory([version(1)]);
    history.beginLink();
    expect(history.rollbackCandidates()).toEqual([]);
    history.add(version(2));
    expect(history.rollbackCandidates()).toEqual([]);
    history.add(version(3));
    history.add(version(4));
    expect(history.rollbackCandidates()).toEqual([version(2)]);
  });

  it("have no version of the link before", () => {
    const history = new VersionHistory([version(1)]);
    history.add(version(2));
    history.beginLink();
    expect(history.rollbackCandidates()).toEqual([]);
  });

  it("are bounded in number, and always have the opened version", () => {
    const history = new VersionHistory([version(1)]);
    for (let generation = 2; generation < 1_000; generation++) history.add(version(generation));
    const now = performance.now();
    expect(history.rollbackCandidates(now)).toEqual([version(1)]);
    passTime(2 * MINUTE_MS);
    history.add(version(1_000));
    const candidates = history.rollbackCandidates(now + 2 * MINUTE_MS);
    expect(candidates).toEqual([version(1), ...Array.from({ length: 300 }, (_, index) => version(700 + index))]);
  });
});
