import { describe, expect, it } from "vitest";
import { messageList, messagesIn, writtenList } from "../../scripts/list-messages.mjs";

describe("docs/troubleshooting.md", () => {
  it("lists every message of the package: `npm run messages` writes the list", () => {
    expect(writtenList().written).toBe(messageList());
  });

  it.each([
    "The profile holds …, a form of storage that is not known.",
    "Could not read …: it is a symbolic link.",
    "Could not write temporary files in …: ….",
    "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.",
    "The browser of session … is gone.",
  ])("has a line for %j", (message) => {
    expect(writtenList().written).toContain(`- \`${message}\`\n`);
  });

  it.each([
    "The browser is already running for",
    "Failed to create a ProcessSingleton for your profile directory",
    "Failed to launch the browser process",
    "Code: 21",
    "Protocol error (Runtime.callFunctionOn): Session closed",
    "auth timeout",
    "MongoServerError:",
    "AccessDenied",
    "MOVED",
    "READONLY",
    "NOAUTH",
    "passkey",
  ])("explains the message of another program: %s", (message) => {
    const { page } = writtenList();
    const table = page.slice(page.indexOf("## Messages of other programs"), page.indexOf("## A browser that is gone"));
    expect(table).toContain(message);
  });
});

describe("messagesIn", () => {
  it("finds texts, templates and variables, without their values", () => {
    const value = "$" + "{of({ x: { y } })}";
    const source = [
      'new VaultError("CORRUPT", "Could not read it.")',
      `new VaultError(\n  "INVALID",\n  \`Expected \\\`a\\\` of ${value} here.\`)`,
      `const message = \`The ${value} is gone.\`;\nthrow new VaultError("ABSENT", message, { hint })`,
      `this.#settings.onWarning(\`${value} could not be removed.\`)`,
    ].join("\n");
    expect(messagesIn(source)).toEqual([
      { kind: "CORRUPT", text: "Could not read it." },
      { kind: "INVALID", text: "Expected `a` of … here." },
      { kind: "ABSENT", text: "The … is gone." },
      { kind: "warning", text: "… could not be removed." },
    ]);
  });
});
