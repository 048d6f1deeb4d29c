import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import { Int64 } from "../../lib/baileys/value-codec.ts";
import { decodeText, encodeText } from "../../lib/wapi/value-text.ts";
import { wapiJson } from "./support/wapi-format.ts";

function again(value: unknown): unknown {
  return decodeText(encodeText(value, "it"), "it");
}

describe("values as wapi's text", () => {
  it.each<[string, unknown]>([
    ["a pair of keys", { public: Buffer.of(1, 2, 3), private: Buffer.of(4, 5, 6) }],
    ["bytes alone", Buffer.from("session")],
    ["no bytes", Buffer.alloc(0)],
    ["text", "5511999999999"],
    ["an empty text", ""],
    ["text that is half a character", "\ud800"],
    ["numbers", { a: 0, b: -0, c: 1e300, d: 5e-324, e: -17 }],
    ["text where a number might be", { a: "7" }],
    ["a list of many kinds", [1, "a", null, true, [], {}, Buffer.of(9)]],
    ["digits as a key, and a number", { "12AB==": 5 }],
    ["keys of an object's prototype", JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
    ["an object with a text as `data`, which wapi takes for bytes", { data: "AQID", type: "video" }],
    ["an integer of 64 bits", new Int64(5, 7, false)],
    [
      "a message in fields of its own",
      { account: { details: Buffer.from("x"), deviceSignature: Buffer.alloc(64, 2) } },
    ],
  ])("%s comes back equal", (_name, value) => {
    expect(again(value)).toStrictEqual(value);
  });

  it("of what wapi itself has no other form for are wapi's, byte for byte", () => {
    for (const value of [
      { public: Buffer.of(1, 2, 3), private: new Uint8Array([4, 5, 6]) },
      baileys.initAuthCreds(),
      { version: 3, hash: Buffer.alloc(128, 7), indexValueMap: { "AAA=": { valueMac: Buffer.alloc(32, 1) } } },
      ["0", "3"],
      "12345",
    ]) {
      expect(encodeText(value, "it").toString()).toBe(wapiJson(value));
    }
  });

  it("without members that are `undefined`, as JSON has them", () => {
    expect(again({ a: undefined, b: 1 })).toStrictEqual({ b: 1 });
  });

  it("messages by their fields: what wapi stores as text stays bytes", () => {
    const account = baileys.proto.ADVSignedDeviceIdentity.create({ details: Buffer.from("phone") });
    expect(again({ account })).toStrictEqual({ account: { details: Buffer.from("phone") } });
  });

  it.each<[string, unknown, string]>([
    ["NaN", { a: { b: Number.NaN } }, "it.a.b: it is NaN"],
    ["an infinite number", [Number.NEGATIVE_INFINITY], "it[0]: it is -Infinity"],
    ["`undefined` in a list", [1, undefined], "it[1]: it is undefined"],
    ["a hole in a list", new Array(1), "it[0]: it is undefined"],
    ["a BigInt", { a: 5n }, "it.a: it is a bigint"],
    ["a function", { a: () => 1 }, "it.a: it is a function"],
    ["a symbol", Symbol("a"), "it: it is a symbol"],
    ["a date", { a: new Date(0) }, "it.a: it is a Date"],
    ["a map", new Map(), "it: it is a Map"],
    ["a set", new Set(), "it: it is a Set"],
    ["numbers of 16 bits", new Uint16Array(2), "it: it is a Uint16Array"],
    ["an object that looks like bytes", { a: { type: "Buffer", data: "AQID" } }, "it.a: it would be read as bytes"],
  ])("refuses %s, which would come back as something else", (_name, value, why) => {
    expect(() => encodeText(value, "it")).toThrow(
      expect.objectContaining({ code: "INVALID", message: `Could not store ${why}.` }),
    );
  });

  it("refuses a value that contains itself", () => {
    const one: { [key: string]: unknown } = {};
    one.one = { one };
    expect(() => encodeText(one, "it")).toThrow("it.one.one: it contains itself");
  });

  it.each(["", "{", '{"a":1}{', "undefined"])("takes %j for damage, and does not quote it", (text) => {
    expect(() => decodeText(Buffer.from(text), "it")).toThrow(
      expect.objectContaining({ code: "CORRUPT", message: "Could not read it: it is no JSON (SyntaxError)." }),
    );
  });
});
