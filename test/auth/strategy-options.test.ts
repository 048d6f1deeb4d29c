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

  it("names the directory", () => {
    expect(sessionNameOf("session", undefined)).toBe("session");
    expect(sessionNameOf("session", "")).toBe("session");
    expect(sessionNameOf("session", "a")).toBe("session-a");
    expect(sessionNameOf("RemoteAuth", undefined)).toBe("RemoteAuth");
    expect(sessionNameOf("RemoteAuth", "a")).toBe("RemoteAuth-a");
  });
});
