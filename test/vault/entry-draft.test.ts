import { describe, expect, it } from "vitest";
import { EMPTY_LOG, entryAfter, entryFacts, stateAfter } from "../../lib/vault/entry-draft.ts";
import type { Manifest } from "../../lib/vault/manifest.ts";
import { generation, stateOf } from "./support/entries.ts";

const facts = { n: 10, id: "id 10", epoch: 2, by: "a:1", at: 10 };
const manifest: Manifest = { profile: {}, live: true, takenAt: 10, spreadMs: 0, files: [] };

describe("the facts of an entry", () => {
  it("have a new id each time", () => {
    const [one, two] = [entryFacts(10, 2, "a:1", 7), entryFacts(10, 2, "a:1", 7)];
    expect(one).toMatchObject({ n: 10, epoch: 2, by: "a:1", at: 7, id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(one.id).not.toBe(two.id);
  });
});

describe("the first entry", () => {
  it("has no generations and a new salt", () => {
    const entry = entryAfter(EMPTY_LOG, { kind: "hold" }, { ...facts, n: 1, epoch: 1 });
    expect(entry).toMatchObject({ n: 1, epoch: 1, kind: "hold", content: 0, live: [], dead: [] });
    expect(entry.salt).toMatch(/^[0-9a-f]{32}$/);
    expect(entry.salt).not.toBe(entryAfter(EMPTY_LOG, { kind: "hold" }, facts).salt);
  });
});

describe("the entry after a state", () => {
  it("keeps every field that the draft leaves out", () => {
    const state = stateOf({ since: 5, deleted: { at: 8, until: 20 } });
    const { content, live, salt, since, deleted } = state;
    expect(entryAfter(state, { kind: "proven" }, facts)).toMatchObject({ content, live, salt, since, deleted });
  });

  it("has the fields of the draft, also those that it clears", () => {
    const state = stateOf({ deleted: { at: 8, until: 20 } });
    const entry = entryAfter(state, { kind: "undeleted", deleted: undefined }, facts);
    expect(entry).toMatchObject({ kind: "undeleted", ...facts });
    expect(entry.deleted).toBeUndefined();
  });

  it("calls generations dead that are not kept any more, in order", () => {
    const live = [generation(9), generation(10)];
    expect(entryAfter(stateOf(), { kind: "save", content: 10, live }, facts).dead).toEqual([3, 7]);
  });

  it("calls the entry before it dead when that is no generation that is kept", () => {
    const state = stateOf({ n: 11, kind: "proven" });
    expect(entryAfter(state, { kind: "proven" }, { ...facts, n: 12 }).dead).toEqual([3, 11]);
  });

  it.each(["hold", "rejected", "rollback", "deleted", "undeleted"] as const)(
    "does not call a %s dead: it lasts",
    (kind) => {
      const state = stateOf({ n: 11, kind });
      expect(entryAfter(state, { kind: "proven" }, { ...facts, n: 12 }).dead).toEqual([3]);
    },
  );

  it("never calls an entry dead that is kept", () => {
    expect(entryAfter(stateOf({ dead: [3, 7] }), { kind: "proven" }, facts).dead).toEqual([3]);
  });
});

describe("the state after an entry", () => {
  it("has neither a manifest nor what the entry says for people", () => {
    const entry = entryAfter(stateOf(), { kind: "save", manifest, manifestChunks: [], marked: 7 }, facts);
    const { manifest: _, manifestChunks: __, marked: ___, ...state } = entry;
    expect(stateAfter(entry)).toEqual(state);
    for (const name of ["manifest", "manifestChunks", "marked"])
      expect(Object.keys(stateAfter(entry))).not.toContain(name);
  });
});
