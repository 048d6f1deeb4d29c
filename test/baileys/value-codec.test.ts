import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import { decodeValue, encodeValue, type Int64 } from "../../lib/baileys/value-codec.ts";

const roundTrip = (value: unknown): unknown => decodeValue(encodeValue(value, "a value"), "a value");

describe("a value", () => {
  it.each<[string, unknown]>([
    ["text", "7"],
    ["empty text", ""],
    ["a number", 7],
    ["zero", 0],
    ["false", false],
    ["null", null],
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["-0", -0],
    ["Infinity", Number.NEGATIVE_INFINITY],
    ["a BigInt", 12_345_678_901_234_567_890n],
    ["an empty list", []],
    ["an empty object", {}],
    ["bytes", Buffer.from([0, 255, 1])],
    ["no bytes", Buffer.alloc(0)],
    ["bytes within", { public: Buffer.from([1]), list: [Buffer.from([2]), { deep: Buffer.alloc(0) }] }],
    ["members without a value", { a: undefined, b: [undefined, null], c: Number.NaN, d: -0 }],
    ["keys that look like bytes", { "12AB==": 5, "0": 1, "1": 2 }],
    ["keys like our marks", { $b: "AQ==", $$u: 0, $: { $n: "NaN" } }],
    ["what BufferJSON takes for bytes", { type: "Buffer", data: "AQID" }],
    ["a key of prototypes", JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
    ["a date", new Date(1_234)],
    ["a date that is none", new Date(Number.NaN)],
    [
      "a map",
      new Map<unknown, unknown>([
        ["a", Buffer.of(1)],
        [{ b: 1 }, new Map()],
        [[1, 2], undefined],
      ]),
    ],
    ["a set", new Set([1, "1", Buffer.of(1)])],
    ["text of all planes", "\u0000\ud800 \u{1f600} \u2028"],
  ])("keeps %s", (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it("comes back as a copy, with all bytes as Buffers of their own", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const value = { bytes, view: new Uint8Array(bytes.buffer, 1, 1), buffer: bytes.buffer };
    const encoded = encodeValue(value, "a value");
    const alone = encodeValue(bytes, "a value");
    bytes.fill(9);
    const decoded = decodeValue(encoded, "a value");
    expect(decoded).toStrictEqual({ bytes: Buffer.of(1, 2, 3), view: Buffer.of(2), buffer: Buffer.of(1, 2, 3) });
    const one = decodeValue(alone, "a value") as Buffer;
    expect(one).toStrictEqual(Buffer.of(1, 2, 3));
    one.fill(7);
    expect(decodeValue(alone, "a value")).toStrictEqual(Buffer.of(1, 2, 3));
  });

  it("keeps holes of lists as undefined", () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what is tried.
    expect(roundTrip([1, , 2])).toStrictEqual([1, undefined, 2]);
  });

  it.each([
    ["0", 0, 0, false, "0"],
    ["-1", -1, -1, false, "-1"],
    ["the highest one", -1, 0x7fffffff, false, "9223372036854775807"],
    ["the highest one without a sign", -1, -1, true, "18446744073709551615"],
    ["a time", 0x6553f100, 0, true, "1700000000"],
  ])("keeps a Long: %s", (_, low, high, unsigned, text) => {
    const decoded = roundTrip({ long: { low, high, unsigned, __isLong__: true } }) as { long: Int64 };
    expect(decoded.long).toMatchObject({ low, high, unsigned });
    expect(String(decoded.long)).toBe(text);
    expect(decoded.long.toNumber()).toBe(Number(text));
    expect(roundTrip(decoded)).toStrictEqual(decoded);
  });

  it("is a protobuf message by its fields", () => {
    const { ADVSignedDeviceIdentity, Message } = baileys.proto;
    const account = ADVSignedDeviceIdentity.create({ details: Buffer.of(1, 2), accountSignature: Buffer.of(3) });
    const decoded = roundTrip({ account }) as { account: object };
    expect(decoded.account).toStrictEqual({ details: Buffer.of(1, 2), accountSignature: Buffer.of(3) });
    expect(ADVSignedDeviceIdentity.encode(decoded.account).finish()).toEqual(
      ADVSignedDeviceIdentity.encode(account).finish(),
    );
    // A Long in it, as protobuf makes it, is one of which it makes a Long again.
    const key = Message.AppStateSyncKeyData.decode(
      Message.AppStateSyncKeyData.encode({
        keyData: Buffer.of(1),
        fingerprint: { rawId: 5, currentIndex: 1, deviceIndexes: [0, 1] },
        timestamp: 1_700_000_000_123,
      }).finish(),
    );
    const again = Message.AppStateSyncKeyData.fromObject(roundTrip(key) as object);
    expect(Message.AppStateSyncKeyData.encode(again).finish()).toEqual(
      Message.AppStateSyncKeyData.encode(key).finish(),
    );
  });

  it.each<[string, unknown, string]>([
    ["a function", { a: [() => {}] }, "Could not store creds.a[0]: it is a function."],
    ["a symbol", Symbol("x"), "Could not store creds: it is a symbol."],
    ["numbers of 16 bits", [new Uint16Array(2)], "Could not store creds[0]: it is no Uint8Array."],
    ["itself", circular(), "Could not store creds.a.b: it contains itself."],
  ])("is refused when it contains %s", (_, value, message) => {
    expect(() => encodeValue(value, "creds")).toThrow(expect.objectContaining({ code: "INVALID", message }));
  });

  it("may contain a value twice", () => {
    const twice = { a: 1 };
    expect(roundTrip([twice, twice])).toStrictEqual([twice, twice]);
  });

  it.each<[string, Buffer, string]>([
    ["nothing", Buffer.alloc(0), "INVALID"],
    ["a form of later versions", Buffer.of(9, 1), "INVALID"],
    ["a mark of later versions", Buffer.from('\u0001{"$zz":1}'), "INVALID"],
    ["cut JSON", Buffer.from('\u0001{"a":'), "CORRUPT"],
    ["a mark of another type", Buffer.from('\u0001{"$i":"x"}'), "CORRUPT"],
  ])("is not read from %s", (_, bytes, code) => {
    expect(() => decodeValue(bytes, "creds")).toThrow(expect.objectContaining({ code }));
  });
});

function circular(): unknown {
  const value: { a: { b?: unknown } } = { a: {} };
  value.a.b = value;
  return value;
}
