import { beforeEach, describe, expect, it } from "vitest";
import { changesOf, RecordQueue } from "../../../lib/vault/records/record-queue.ts";
import { RecordTable } from "../../../lib/vault/records/record-table.ts";

let table: RecordTable;
let queue: RecordQueue;
beforeEach(() => {
  table = new RecordTable();
  table.apply(1, [
    ["a", Buffer.from("stored a")],
    ["b", Buffer.from("stored b")],
  ]);
  queue = new RecordQueue(table);
});

const changes = (values: Record<string, string | undefined>): Map<string, Buffer | undefined> =>
  new Map(Object.entries(values).map(([key, value]) => [key, value === undefined ? undefined : Buffer.from(value)]));
const seen = (): Record<string, string> =>
  Object.fromEntries(
    queue
      .keys()
      .sort()
      .map((key) => [key, String(queue.get(key))]),
  );

describe("the records that reads see", () => {
  it("are those of the table while nothing waits", () => {
    expect(seen()).toEqual({ a: "stored a", b: "stored b" });
    expect([queue.isEmpty, queue.waiting.at(-1), queue.nextClear, queue.nextSets(9)]).toEqual([
      true,
      undefined,
      undefined,
      [],
    ]);
  });

  it("are as the last set of each leaves them", () => {
    queue.set(changes({ a: "1", c: "1" }));
    queue.set(changes({ a: "2", b: undefined }));
    expect(seen()).toEqual({ a: "2", c: "1" });
  });

  it("are those set after the last clear", () => {
    queue.set(changes({ a: "1" }));
    queue.clear(0);
    expect(seen()).toEqual({});
    queue.set(changes({ b: "2" }));
    expect(seen()).toEqual({ b: "2" });
    queue.clear(0);
    expect(seen()).toEqual({});
  });

  it("are seen again when a set or a clear is refused", () => {
    const first = queue.set(changes({ a: "1" }));
    const clear = queue.clear(0);
    const last = queue.set(changes({ b: "2" }));
    queue.remove([last]);
    expect(seen()).toEqual({});
    queue.remove([clear]);
    expect(seen()).toEqual({ a: "1", b: "stored b" });
    queue.remove([first]);
    expect(seen()).toEqual({ a: "stored a", b: "stored b" });
  });
});

describe("what comes next", () => {
  it("is as many sets as fit, one at least", () => {
    const [one, two, three] = ["x", "y", "z"].map((key) => queue.set(changes({ [key]: "12345" })));
    const bytes = one?.bytes ?? 0;
    expect(queue.nextSets(2 * bytes)).toEqual([one, two]);
    expect(queue.nextSets(1)).toEqual([one]);
    expect(queue.nextSets(9 * bytes)).toEqual([one, two, three]);
  });

  it("is no set behind a clear, and the clear once it is first", () => {
    const first = queue.set(changes({ a: "1" }));
    const clear = queue.clear(7);
    const last = queue.set(changes({ a: "2" }));
    expect([queue.nextSets(1_000), queue.nextClear, queue.waiting.at(-1)]).toEqual([[first], undefined, last]);
    queue.remove([first]);
    expect([queue.nextSets(1_000), queue.nextClear]).toEqual([[], clear]);
    queue.remove([clear]);
    expect([queue.nextSets(1_000), queue.nextClear]).toEqual([[last], undefined]);
    expect(queue.removeAll()).toEqual([last]);
    expect(queue.isEmpty).toBe(true);
  });
});

it("the sets of one entry change each record once", () => {
  const sets = [queue.set(changes({ a: "1", b: "1" })), queue.set(changes({ a: undefined }))];
  expect(changesOf(sets)).toEqual([
    ["a", undefined],
    ["b", Buffer.from("1")],
  ]);
});
