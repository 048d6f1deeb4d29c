import { beforeEach, describe, expect, it } from "vitest";
import { WriterMemory } from "../../lib/vault/writer-memory.ts";
import { generation, stateOf } from "./support/entries.ts";

let memory: WriterMemory;

beforeEach(() => {
  memory = new WriterMemory("RemoteAuth-bot", "2-ab");
});

it("begins with nothing read, and a check of earlier chunks to make", () => {
  expect(memory.filesRead.size).toBe(0);
  expect(memory.hasCheckedChunks).toBe(false);
  expect(memory.uploads.address("ab")).toEqual({ id: "ab", folder: "2-ab", alt: 0 });
});

it("leaves the entries that it has deleted out of the dead ones", () => {
  memory.deleted.add(4);
  expect(memory.undeleted([3, 4, 5])).toEqual([3, 5]);
});

it("forgets deleted entries once they are not called dead any more", () => {
  memory.deleted.add(4);
  memory.deleted.add(6);
  memory.forgetDeleted([5, 6]);
  expect([...memory.deleted]).toEqual([6]);
});

describe("what is stored", () => {
  const mib = 1024 * 1024;

  it("has grown when it is more than eight profiles and 64 MiB", () => {
    memory.storedBytes = 144 * mib;
    expect(memory.hasGrown(10 * mib)).toBe(false);
    memory.storedBytes++;
    expect(memory.hasGrown(10 * mib)).toBe(true);
  });

  it("has not grown while it is less than twice what the last prune has left", () => {
    memory.pruned(400 * mib);
    expect(memory.storedBytes).toBe(400 * mib);
    memory.storedBytes += 464 * mib;
    expect(memory.hasGrown(10 * mib)).toBe(false);
    memory.storedBytes++;
    expect(memory.hasGrown(10 * mib)).toBe(true);
  });
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
