import { describe, expect, it } from "vitest";
import { olderVersions } from "../../../lib/auth/store/older-versions.ts";
import type { GenerationInfo, SessionState } from "../../../lib/store.ts";

function generation(number: number, more: Partial<GenerationInfo> = {}): GenerationInfo {
  const marks = { proven: true, rejected: false, suspect: false };
  return {
    generation: number,
    id: `id ${number}`,
    at: new Date(0),
    bytes: 1,
    files: 1,
    pairing: "a",
    ...marks,
    ...more,
  };
}

/** The numbers of the generations that may be opened when the last one given is current. */
function older(generations: readonly GenerationInfo[], steps = 9, current = generations.at(-1)): number[] {
  const state = { entry: 99, epoch: 1, generations, ...(current ? { current } : {}) } satisfies SessionState;
  const found = olderVersions(state, steps);
  return found.older.slice(0, found.steps).map(({ generation: number }) => number as number);
}

const rejected = (rejectedIn?: number): Partial<GenerationInfo> => ({
  rejected: true,
  ...(rejectedIn === undefined ? {} : { rejectedIn }),
});

describe("the generations that may be opened once the current one is refused", () => {
  it("are the proven ones before it, newest first, as many as there are steps", () => {
    const all = [1, 2, 3, 4].map((number) => generation(number));
    expect(older(all)).toEqual([3, 2, 1]);
    expect(older(all, 2)).toEqual([3, 2]);
    expect(older(all, 0)).toEqual([]);
  });

  it("have the id of their generation", () => {
    const [first, current] = [generation(1), generation(2)];
    const state = { entry: 9, epoch: 1, generations: [first, current], current };
    expect(olderVersions(state, 1)).toEqual({ older: [{ id: "id 1", generation: 1 }], steps: 1 });
  });

  it("are none without a current generation", () => {
    expect(olderVersions({ entry: 9, epoch: 1, generations: [generation(1)] }, 1)).toEqual({ older: [], steps: 0 });
  });

  it.each<[string, Partial<GenerationInfo>]>([
    ["unproven", { proven: false }],
    ["rejected", rejected()],
    ["suspect", { suspect: true }],
    ["of another phone", { pairing: "b" }],
    ["before the last deletion", { beforeDeletion: true }],
  ])("leave out one that is %s", (_, more) => {
    expect(older([generation(1), generation(2, more), generation(3)])).toEqual([1]);
  });

  it("leave out those after the current one, as after a rollback", () => {
    const all = [1, 2, 3].map((number) => generation(number));
    expect(older(all, 9, all[1])).toEqual([1]);
  });

  it("are none where a phone is not named: it may be another one", () => {
    const unnamed = ({ pairing: _, ...rest }: GenerationInfo): GenerationInfo => rest;
    expect(older([generation(1), unnamed(generation(2))])).toEqual([]);
    expect(older([unnamed(generation(1)), generation(2)])).toEqual([]);
    expect(older([unnamed(generation(1)), unnamed(generation(2))])).toEqual([]);
  });

  it("leave out an unencrypted one once the current one is encrypted", () => {
    const [plain, encrypted] = [generation(1), generation(2, { keyId: "old key" })];
    expect(older([plain, encrypted, generation(3, { keyId: "new key" })])).toEqual([2]);
    expect(older([plain, encrypted, generation(3)])).toEqual([2, 1]);
  });

  it("are fewer by those that were rejected since the current one was, and by no earlier rejection", () => {
    const [first, second] = [generation(1), generation(2)];
    const refused = generation(9, rejected(20));
    expect(older([first, second, generation(3, rejected(19)), refused], 1)).toEqual([2]);
    expect(older([first, second, generation(3, rejected(21)), refused], 1)).toEqual([]);
    expect(older([first, second, generation(3, rejected(21)), refused], 2)).toEqual([2]);
    // The current one is accepted, or was not tried yet.
    expect(older([first, second, generation(3, rejected(21)), generation(9)], 1)).toEqual([2]);
  });

  it("are fewer by every rejected one in a store that does not say when", () => {
    const all = [generation(1), generation(2), generation(3, rejected()), generation(4, rejected())];
    expect(older(all, 1)).toEqual([]);
    expect(older(all, 2)).toEqual([2]);
  });
});
