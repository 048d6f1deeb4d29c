import { expect, it } from "vitest";
import { safeCause, safeMessage } from "../lib/errors.ts";

it.each([
  ["redis://user:pass@host:6379 refused", "redis://host:6379 refused"],
  ["mongodb://u:p@ss/word@a,b/db", "mongodb://a,b/db"],
  ["no URL at all", "no URL at all"],
  ["at file:///app/node_modules/@aws-sdk/client.js:1:1", "at file:///app/node_modules/@aws-sdk/client.js:1:1"],
])("a message loses the user and password of a URL, and nothing else: %s", (given, safe) => {
  expect(safeMessage(new Error(given))).toBe(safe);
});

it("a cause without a secret is attached itself, also when a scoped package threw it", () => {
  const cause = new Error("refused");
  cause.stack = "Error: refused\n    at send (file:///app/node_modules/@aws-sdk/client.js:1:1)";
  expect(safeCause(cause)).toBe(cause);
});

it("a cause with a password is attached as its safe words", () => {
  const cause = new Error("redis://user:secret@host refused");
  const safe = safeCause(cause) as Error;
  expect(safe.message).toBe("redis://host refused");
  expect(`${safe.stack}`).not.toContain("secret");
});
