import { expect, it } from "vitest";
import { ChunkTrust } from "../../lib/vault/chunk-trust.ts";

it("trusts a chunk until it is distrusted, and again once it is stored", () => {
  const trust = new ChunkTrust();
  expect(trust.isTrusted("a")).toBe(true);
  trust.distrust(["a"]);
  expect(trust.isTrusted("a")).toBe(false);
  expect(trust.isTrusted("b")).toBe(true);
  trust.trust("a");
  expect(trust.isTrusted("a")).toBe(true);
});

it("trusts chunks together only when it trusts each", () => {
  const trust = new ChunkTrust();
  trust.distrust(["b"]);
  expect(trust.areTrusted([])).toBe(true);
  expect(trust.areTrusted(["a", "c"])).toBe(true);
  expect(trust.areTrusted(["a", "b"])).toBe(false);
});

it("returns the keys that were trusted before, each once", () => {
  const trust = new ChunkTrust();
  expect(trust.distrust(["a", "b", "a"])).toEqual(["a", "b"]);
  expect(trust.distrust(["b", "c"])).toEqual(["c"]);
  trust.trust("b");
  expect(trust.distrust(["a", "b"])).toEqual(["b"]);
});
