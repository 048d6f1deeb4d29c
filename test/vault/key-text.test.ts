import { describe, expect, it } from "vitest";
import type { VaultError } from "../../lib/errors.ts";
import { parseKey, parsePassphrase } from "../../lib/vault/key-text.ts";

const bytes = Buffer.from("fbff3e6d1a55c0de00112233445566778899aabbccddeeff0123456789abcdef", "hex");
const base64 = bytes.toString("base64");
const hex = bytes.toString("hex");

describe("a key", () => {
  it.each<[string, string | Uint8Array]>([
    ["a Buffer", bytes],
    ["a Uint8Array", new Uint8Array(bytes)],
    ["base64", base64],
    ["base64 without padding", base64.replace("=", "")],
    ["base64url", bytes.toString("base64url")],
    ["hexadecimal", hex],
    ["hexadecimal in capitals", hex.toUpperCase()],
  ])("is taken as %s", (_, key) => {
    expect(parseKey("key", key).export()).toEqual(bytes);
  });

  it("does not change with the bytes that were handed in", () => {
    const given = Buffer.from(bytes);
    const key = parseKey("key", given);
    given.fill(1);
    expect(key.export()).toEqual(bytes);
  });

  it.each<[string, unknown, RegExp, RegExp]>([
    ["nothing", undefined, /it is undefined/, /environment variable/],
    ["null", null, /it is null/, /environment variable/],
    ["empty text", "", /it is empty/, /environment variable/],
    ["blank text", " \n", /it is blank/, /environment variable/],
    ["a line break at the end", `${base64}\n`, /ends with a line break/, /trim\(\)/],
    ["a line break of Windows at the end", `${hex}\r\n`, /ends with a line break/, /trim\(\)/],
    ["a blank at the end", `${base64} `, /ends with a blank/, /trim\(\)/],
    ["a blank at the beginning", ` ${base64}`, /begins with a blank/, /trim\(\)/],
    ["quotation marks", `"${base64}"`, /quotation marks/, /Remove/],
    ["a path", "/run/secrets/wa-vault", /path of a file/, /readFileSync/],
    ["a path beside the program", "./wa-vault.key", /path of a file/, /readFileSync/],
    ["the name of a file", "secret.key", /path of a file/, /readFileSync/],
    ["a path of Windows", "C:\\keys\\bot", /path of a file/, /readFileSync/],
    ["a PEM file", "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", /PEM/, /openssl rand/],
    ["a passphrase", "correct horse battery staple", /28 characters that are neither/, /`passphrase`/],
    ["base64 of 31 bytes", bytes.subarray(1).toString("base64"), /base64 of 31 bytes/, /openssl rand/],
    [
      "base64 of 33 bytes",
      Buffer.concat([bytes, bytes]).subarray(0, 33).toString("base64"),
      /base64 of 33 bytes/,
      /openssl rand/,
    ],
    ["hexadecimal of 31 bytes", hex.slice(2), /hexadecimal of 31 bytes/, /has 32/],
    ["base64 of 31 bytes that begins with a slash", `/${"Ab1+".repeat(10)}A=`, /base64 of 31 bytes/, /openssl rand/],
    ["base64 that is cut", base64.slice(0, 40), /base64 of 30 bytes/, /has 32/],
    ["base64 whose last character is wrong", `${base64.slice(0, 42)}9=`, /last character/, /Copy it again/],
    ["base64 of hexadecimal", Buffer.from(hex).toString("base64"), /base64 of the text of a key/, /that text/],
    ["hexadecimal that was decoded as base64", Buffer.from(hex, "base64"), /decoded as base64/, /64 digits/],
    ["base64 as bytes", Buffer.from(base64), /text of a key, as 44 bytes/, /"utf8"/],
    ["base64 and a line break as bytes", Buffer.from(`${base64}\n`), /text of a key, as 45 bytes/, /trim\(\)/],
    ["hexadecimal as bytes", Buffer.from(hex), /text of a key, as 64 bytes/, /"utf8"/],
    ["31 bytes", bytes.subarray(1), /it is 31 bytes/, /openssl rand/],
    ["no bytes", Buffer.alloc(0), /it is 0 bytes/, /openssl rand/],
    ["32 bytes and a line break", Buffer.concat([bytes, Buffer.from("\n")]), /the last is a line break/, /last byte/],
    ["zeros", Buffer.alloc(32), /all its bytes are the same/, /openssl rand/],
    ["zeros in hexadecimal", "00".repeat(32), /all its bytes are the same/, /openssl rand/],
    ["zeros in base64", Buffer.alloc(32).toString("base64"), /all its bytes are the same/, /openssl rand/],
    ["a number", 7, /a number, neither text nor bytes/, /openssl rand/],
    ["an array", [...bytes], /an array, neither text nor bytes/, /openssl rand/],
    ["an object", { key: base64 }, /an object, neither text nor bytes/, /openssl rand/],
  ])("is not %s: the message says so, and shows nothing of it", (_, key, message, hint) => {
    const error = refusal(() => parseKey("encryption.key", key));
    expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(message) });
    expect(error.message).toContain("`encryption.key`");
    expect(error.hint).toMatch(hint);
    const shown = `${error.message} ${error.hint}`;
    const text = Buffer.isBuffer(key) ? key.toString("latin1") : String(key ?? "");
    for (let at = 0; at + 8 <= text.length; at += 4) {
      if (/[A-Za-z0-9]{6}/.test(text.slice(at, at + 8))) expect(shown).not.toContain(text.slice(at, at + 8));
    }
  });
});

describe("a passphrase", () => {
  it("is taken as it is, with blanks inside", () => {
    expect(parsePassphrase("passphrase", "correct horse battery staple")).toBe("correct horse battery staple");
  });

  it.each<[string, unknown, RegExp, RegExp]>([
    ["nothing", undefined, /it is undefined/, /environment variable/],
    ["empty", "", /it is empty/, /environment variable/],
    ["of 11 characters", "hunter2hunt", /11 characters/, /openssl rand/],
    ["followed by a line break", "correct horse battery\n", /ends with a line break/, /trim\(\)/],
    ["preceded by a blank", " correct horse battery", /begins with a blank/, /trim\(\)/],
    ["bytes", Buffer.from("correct horse battery"), /an object and not text/, /environment variable/],
  ])("is not %s", (_, passphrase, message, hint) => {
    const error = refusal(() => parsePassphrase("encryption.passphrase", passphrase));
    expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(message) });
    expect(error.hint).toMatch(hint);
    expect(`${error.message} ${error.hint}`).not.toMatch(/hunter|horse/);
  });
});

function refusal(call: () => unknown): VaultError {
  try {
    call();
  } catch (error) {
    return error as VaultError;
  }
  throw new Error("nothing was refused");
}
