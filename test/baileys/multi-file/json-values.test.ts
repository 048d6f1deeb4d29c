import { describe, expect, it } from "vitest";
import { formatJsonValue, parseJsonValue } from "../../../lib/baileys/multi-file/json-values.ts";

const BYTES = Buffer.of(1, 2, 255);

describe("JSON of Baileys", () => {
  it.each<[string, unknown]>([
    ["base64, as Baileys writes it", { type: "Buffer", data: "AQL/" }],
    ["a list, as Node writes it", { type: "Buffer", data: [1, 2, 255] }],
    ["the form of old releases", { buffer: true, value: "AQL/" }],
  ])("has bytes wherever it says so: %s", (_, json) => {
    expect(parseJsonValue(JSON.stringify({ a: [json] }), "tctoken")).toStrictEqual({ a: [BYTES] });
    expect(parseJsonValue(JSON.stringify({ type: "Buffer", data: "" }), "x")).toStrictEqual(Buffer.alloc(0));
  });

  it.each<[string, (bytes: object) => unknown]>([
    ["creds", (bytes) => ({ noiseKey: { public: bytes, private: bytes }, routingInfo: bytes })],
    [
      "creds",
      (bytes) => ({ signedPreKey: { keyPair: { public: bytes }, signature: bytes }, account: { details: bytes } }),
    ],
    ["creds", (bytes) => ({ signalIdentities: [{ identifierKey: bytes }] })],
    ["pre-key", (bytes) => ({ public: bytes, private: bytes })],
    ["session", (bytes) => bytes],
    ["sender-key", (bytes) => bytes],
    [
      "sender-key",
      (bytes) => [{ senderChainKey: { iteration: 1, seed: bytes }, senderMessageKeys: [{ seed: bytes }] }],
    ],
    ["identity-key", (bytes) => bytes],
    ["app-state-sync-key", (bytes) => ({ keyData: bytes })],
    ["app-state-sync-version", (bytes) => ({ hash: bytes, indexValueMap: { "1A==": { valueMac: bytes } } })],
    ["tctoken", (bytes) => ({ token: bytes })],
  ])("has bytes where %s has them, also as an object of numbers", (family, make) => {
    const text = JSON.stringify(make({ ...[1, 2, 255] }));
    expect(parseJsonValue(text, family)).toStrictEqual(make(BYTES));
  });

  it.each<[string, unknown]>([
    ["tctoken", { "12AB==": 5 }],
    ["sender-key-memory", { "0": 1, "1": 2 }],
    ["creds", { additionalData: { "0": 1 }, accountSettings: { "1": 5 } }],
    ["pre-key", { public: { "0": 256 }, private: { "1": 1 } }],
    ["session", { "0": 1, x: 2 }],
    ["app-state-sync-version", { indexValueMap: { "1": 2 } }],
    ["other", { "0": 1 }],
    ["tctoken", { type: "Buffer" }],
    ["tctoken", { type: "Buffer", data: ["a"] }],
  ])("has no bytes elsewhere: %s %j", (family, value) => {
    expect(parseJsonValue(JSON.stringify(value), family)).toStrictEqual(value);
  });

  it("keeps a member that is named as the prototype", () => {
    const value = parseJsonValue('{"__proto__":{"type":"Buffer","data":"AQ=="}}', "tctoken");
    expect(Object.getOwnPropertyDescriptor(value, "__proto__")?.value).toEqual(Buffer.of(1));
  });

  it("is written as Baileys writes it", () => {
    const value = {
      a: BYTES,
      b: new Uint8Array([1]),
      c: undefined,
      d: ["7", 7, null],
      e: { low: 1, high: 0, unsigned: false },
    };
    expect(formatJsonValue(value, "x")).toBe(
      '{"a":{"type":"Buffer","data":"AQL/"},"b":{"type":"Buffer","data":"AQ=="},"d":["7",7,null],"e":{"low":1,"high":0,"unsigned":false}}',
    );
    expect(formatJsonValue("", "x")).toBe('""');
  });

  it.each<[string, unknown]>([
    ["an object of numbers", { a: { "12AB==": 5 } }],
    ["an object that says it is a Buffer", { type: "Buffer", x: 1 }],
    ["an object of the old form of Buffers", [{ buffer: true }]],
    ["a BigInt", { a: 1n }],
    ["a map", { a: new Map() }],
    ["a set", new Set()],
    ["null", null],
    ["NaN", Number.NaN],
    ["nothing", undefined],
  ])("is refused when it would be read as something else: %s", (_, value) => {
    const what = expect.stringContaining("session-1.0.json");
    expect(() => formatJsonValue(value, "session-1.0.json")).toThrow(
      expect.objectContaining({ code: "INVALID", message: what }),
    );
  });
});
