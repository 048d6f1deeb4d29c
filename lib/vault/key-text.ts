import { createSecretKey, type KeyObject } from "node:crypto";
import { VaultError } from "../errors.ts";

/** A key of 32 bytes: as bytes, or as text in base64, base64url or hexadecimal. */
export type EncryptionKey = string | Uint8Array;

const KEY_BYTES = 32;
const HEX = /^[0-9a-f]*$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]*|[-A-Za-z0-9_]*)={0,2}$/;
const LEAST_PASSPHRASE = 12;

/** How to make a key, for hints. */
const MAKE_ONE = "Make a key with `openssl rand -base64 32`.";
const UNSET = "Is the environment variable set, and the file filled? The store does not go on without the key.";

/**
 * The key. A message names the usual mistakes, and shows nothing of the key.
 * @param name the option, for messages.
 * @throws `INVALID` when it is none.
 */
export function parseKey(name: string, key: unknown): KeyObject {
  const bytes = typeof key === "string" ? bytesOfText(name, key) : bytesOfBytes(name, key);
  if (bytes.every((byte) => byte === bytes[0])) {
    throw refused(name, "all its bytes are the same", MAKE_ONE);
  }
  return createSecretKey(bytes);
}

/** The passphrase. @throws `INVALID` when it is none, or is easily guessed because it is short */
export function parsePassphrase(name: string, passphrase: unknown): string {
  if (typeof passphrase !== "string") throw refused(name, `it is ${kindOf(passphrase)} and not text`, UNSET);
  refuseBlanks(name, passphrase);
  if ([...passphrase].length < LEAST_PASSPHRASE) {
    const why = `it has ${[...passphrase].length} characters, and needs at least ${LEAST_PASSPHRASE}`;
    throw refused(name, why, `A key cannot be guessed at all. ${MAKE_ONE}`);
  }
  return passphrase;
}

function bytesOfText(name: string, text: string): Buffer {
  refuseBlanks(name, text);
  if (/^(["'`]).*\1$/s.test(text)) throw refused(name, "it stands in quotation marks", "Remove them.");
  if (text.includes("-----BEGIN")) throw refused(name, "it is a PEM file", MAKE_ONE);
  if (HEX.test(text) && text.length === 2 * KEY_BYTES) return Buffer.from(text, "hex");
  const bytes = BASE64.test(text) ? Buffer.from(text, "base64") : undefined;
  if (bytes?.length === KEY_BYTES) {
    const canonical = bytes.toString("base64").replace(/=+$/, "");
    if (text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "") === canonical) return bytes;
    throw refused(name, "its last character does not occur in base64 of 32 bytes", "Copy it again, all of it.");
  }
  if (HEX.test(text)) throw refused(name, `it is hexadecimal of ${text.length / 2} bytes`, `A key has 32. ${MAKE_ONE}`);
  // Base64 may begin with a slash: of about the size of a key it is no path.
  const isNearly = bytes !== undefined && Math.abs(bytes.length - KEY_BYTES) <= 4;
  if (!isNearly && /^[./~]|^[A-Za-z]:\\|\.\w{1,5}$/.test(text)) {
    throw refused(name, "it looks like the path of a file", 'Give its content: `readFileSync(path, "utf8").trim()`.');
  }
  if (!bytes) {
    throw refused(
      name,
      `it is ${text.length} characters that are neither base64 nor hexadecimal`,
      `A passphrase goes into \`passphrase\`. ${MAKE_ONE}`,
    );
  }
  if (isKeyText(bytes)) throw refused(name, "it is base64 of the text of a key", "Give that text itself.");
  throw refused(name, `it is base64 of ${bytes.length} bytes`, `A key has 32. ${MAKE_ONE}`);
}

function bytesOfBytes(name: string, key: unknown): Buffer {
  if (key === undefined || key === null) throw refused(name, `it is ${kindOf(key)}`, UNSET);
  if (!(key instanceof Uint8Array)) throw refused(name, `it is ${kindOf(key)}, neither text nor bytes`, MAKE_ONE);
  const bytes = Buffer.from(key);
  if (bytes.length === KEY_BYTES) return bytes;
  if (isKeyText(bytes)) {
    const hint = 'Read the file as text: `readFileSync(path, "utf8").trim()`.';
    throw refused(name, `it is the text of a key, as ${bytes.length} bytes`, hint);
  }
  if (bytes.length === 48 && HEX.test(bytes.toString("base64"))) {
    const hint = "Give the 64 digits as they are, or decode them as hexadecimal.";
    throw refused(name, "it is 64 hexadecimal digits that were decoded as base64", hint);
  }
  if (bytes.length === KEY_BYTES + 1 && bytes.at(-1) === 0x0a) {
    throw refused(name, "it is 33 bytes, and the last is a line break", "Remove the last byte.");
  }
  throw refused(name, `it is ${bytes.length} bytes`, `A key has 32. ${MAKE_ONE}`);
}

/** Whether the bytes are text in which a key could be written. */
function isKeyText(bytes: Buffer): boolean {
  const text = bytes.toString("latin1").trim();
  if (HEX.test(text) && text.length === 2 * KEY_BYTES) return true;
  return BASE64.test(text) && Buffer.from(text, "base64").length === KEY_BYTES;
}

function refuseBlanks(name: string, text: string): void {
  if (text.trim() === "") throw refused(name, text === "" ? "it is empty" : "it is blank", UNSET);
  if (text.trim() === text) return;
  const where = text.trimStart() === text ? "ends" : "begins";
  const what = /^[\r\n]|[\r\n]$/.test(text) ? "a line break" : "a blank";
  const hint = 'A file often ends with a line break: `readFileSync(path, "utf8").trim()`.';
  throw refused(name, `it ${where} with ${what}`, hint);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? "an array" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

function refused(name: string, why: string, hint: string): VaultError {
  return new VaultError("INVALID", `Expected \`${name}\` to be ${expected(name)}: ${why}.`, { hint });
}

function expected(name: string): string {
  return /passphrase(_file)?$/i.test(name)
    ? "a passphrase"
    : "a key of 32 bytes, as bytes or as text in base64 or hexadecimal";
}
