import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { checkStrategyOptions, sessionNameOf } from "../../lib/auth/strategy-options.ts";

describe("a client id", () => {
  it.each([undefined, "", "a", "A-b_9", "-", "x".repeat(200)])("may be %j", (clientId) => {
    expect(checkStrategyOptions({ clientId })).toMatchObject({ clientId });
  });

  it.each(["a b", "a/b", "../a", "a.b", "é", "a\n", " "])("may not be %j, in whatsapp-web.js's words", (clientId) => {
    expect(() => checkStrategyOptions({ clientId })).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.",
      }),
    );
  });

  it.each([
    [12345, "12345"],
    [0, "0"],
    [-0, "0"],
    [-7, "-7"],
    [12345n, "12345"],
    [0n, "0"],
    [15550001111n ** 2n, String(15550001111n ** 2n)],
  ])("may be the whole number %s, and is its text", (clientId, text) => {
    expect(checkStrategyOptions({ clientId })).toMatchObject({ clientId: text });
    expect(sessionNameOf("session", checkStrategyOptions({ clientId }).clientId)).toBe(`session-${text}`);
  });

  it.each([[Number.POSITIVE_INFINITY], [1.5], [1e21], [true], [{}], [["a"]], [() => "a"], [Symbol("a")]])(
    "may not be %s, in whatsapp-web.js's words",
    (clientId) => {
      expect(() => checkStrategyOptions({ clientId: clientId as never })).toThrow(
        /^Invalid clientId\. Only alphanumeric/,
      );
    },
  );

  it.each([[null], [false], [Number.NaN]])("may be %s, as no id", (clientId) => {
    expect(checkStrategyOptions({ clientId: clientId as never }).clientId).toBeUndefined();
  });

  it("names the directory", () => {
    expect(sessionNameOf("session", undefined)).toBe("session");
    expect(sessionNameOf("session", "")).toBe("session");
    expect(sessionNameOf("session", "a")).toBe("session-a");
    expect(sessionNameOf("RemoteAuth", undefined)).toBe("RemoteAuth");
    expect(sessionNameOf("RemoteAuth", "a")).toBe("RemoteAuth-a");
  });
});

describe("a data path", () => {
  it.each([
    ["data dir/ünïcode", resolve("data dir/ünïcode")],
    ["data/", resolve("data")],
    ["./data/../data", resolve("data")],
    [undefined, resolve(".wwebjs_auth")],
    ["", resolve(".wwebjs_auth")],
  ])("may be %j, and is absolute from then on", (dataPath, path) => {
    expect(checkStrategyOptions({ dataPath }).dataPath).toBe(path);
  });

  it.each([[5], [true], [["a"]], [new URL("file:///data")], ["a\0b"]])("may not be %j", (dataPath) => {
    expect(() => checkStrategyOptions({ dataPath: dataPath as never })).toThrow(
      expect.objectContaining({ code: "INVALID", message: expect.stringMatching(/^Expected `dataPath` to be/) }),
    );
  });

  it.each(["~", "~/sessions"])(
    "that begins with a tilde is no folder in the home folder, and that is said: %s",
    (dataPath) => {
      const told: string[] = [];
      const { dataPath: path } = checkStrategyOptions({ dataPath, onWarning: (message) => told.push(message) });
      expect(path).toBe(resolve(dataPath));
      expect(told).toEqual([expect.stringMatching(/^The `~` in `dataPath` is not the home folder/)]);
    },
  );
});
