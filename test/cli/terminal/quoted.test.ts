import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { quoted } from "../../../cli/terminal/quoted.ts";

const WORDS = [
  "s3://bucket/bots?region=eu-1&endpoint=http://host",
  "redis://[::1]:6379/0?prefix=a",
  "file:~/sessions",
  "~/sessions",
  "a b",
  "it's",
  "''",
  "$HOME",
  "`id`",
  "$(id)",
  "a;b|c>d",
  "*",
  "!x",
  "#x",
  "\\",
  "=cat",
  "é",
  "two\nlines",
  "",
];

describe("a word of a call that is copied into a shell", () => {
  it.runIf(process.platform !== "win32").each(WORDS)("is one word for it: %j", (word) => {
    const { stdout } = spawnSync("sh", ["-c", `printf '<%s>' ${quoted(word, "linux")}`], { encoding: "utf8" });
    expect(stdout).toBe(`<${word}>`);
  });

  it.each(["file:./sessions", "postgres://host:5432/database", "RemoteAuth-support", "--replace", "a@b"])(
    "is as it was where no shell takes a sign of it: %s",
    (word) => {
      expect([quoted(word, "linux"), quoted(word, "win32")]).toEqual([word, word]);
    },
  );

  it.each(["a?b", "a&b", "a*b", "~/a", "=cat", "", "#a"])("is quoted where a shell takes a sign of it: %j", (word) => {
    expect(quoted(word, "linux")).toBe(`'${word}'`);
  });

  it("has double quotes on Windows", () => {
    expect(quoted("s3://bucket?region=eu-1", "win32")).toBe('"s3://bucket?region=eu-1"');
  });
});
