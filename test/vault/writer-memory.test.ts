import { beforeEach, describe, expect, it } from "vitest";
import { WriterMemory } from "../../lib/vault/writer-memory.ts";
import { generation, stateOf } from "./support/entries.ts";

let memory: WriterMemory;

beforeEach(() => {
  memory = new WriterMemory("RemoteAuth-bot", "2-ab");
});

it("begins with nothing read, a check of earlier chunks to make, and a sweep that is due", () => {
  expect(memory.filesRead.size).toBe(0);
  expect(memory.hasCheckedChunks).toBe(false);
  expect(memory.isSweepDue).toBe(true);
  expect(memory.uploads.address("ab")).toEqual({ id: "ab", folder: "2-ab", alt: 0 });
});

it("leaves the entries that it has deleted out of the dead ones", () => {
  memory.deleted.add(4);
  expect(memory.undeleted([3, 4, 5])).toEqual([3, 5]);
});

describe("an entry that the backend has lost", () => {
  it("is known as missing, and no other one", () => {
    memory.missing.add(7);
    expect(memory.missing.has(7)).toBe(true);
    expect(memory.missing.has(9)).toBe(false);
  });

  it("is no live generation any more", () => {
    memory.missing.add(7);
    expect(memory.withoutMissing(stateOf()).live).toEqual([generation(9)]);
  });

  it("stays live while it is the current generation", () => {
    memory.missing.add(7);
    memory.missing.add(9);
    expect(memory.withoutMissing(stateOf()).live).toEqual([generation(9)]);
  });

  it("leaves the rest of the state, and the given state, as they are", () => {
    memory.missing.add(7);
    const state = stateOf();
    expect({ ...memory.withoutMissing(state), live: state.live }).toEqual(stateOf());
  });
});
