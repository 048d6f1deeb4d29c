import { Int64 } from "../baileys/value-codec.ts";
import { VaultError } from "../errors.ts";

/**
 * A value of Baileys as wapi's text: JSON, in which bytes are `{"type":"Buffer","data":"<base64>"}`. A protobuf message is
 * taken by its fields, and not by its `toJSON`, which turns bytes into text. Members that are `undefined` are left out.
 * @param what named in errors
 * @throws `INVALID` when it contains what would be read as another value: NaN, an infinite number, `undefined` in a list, a
 *   BigInt, a date, a map, a set, a function, a symbol, an object that looks like bytes, or itself
 */
export function encodeText(value: unknown, what: string): Buffer {
  return Buffer.from(textOf(value, what, []));
}

/**
 * The value whose text it is, as a copy. All bytes in it are of the class `Buffer`.
 * @param what named in errors
 * @throws `CORRUPT` when it is no JSON
 */
export function decodeText(text: Buffer, what: string): unknown {
  try {
    return JSON.parse(text.toString("utf8"), (_key, value) => revived(value));
  } catch (cause) {
    // The message of the cause may quote the text.
    const name = cause instanceof Error ? cause.name : "unknown error";
    throw new VaultError("CORRUPT", `Could not read ${what}: it is no JSON (${name}).`);
  }
}

function textOf(value: unknown, what: string, above: readonly object[]): string {
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw unstorable(what, `it is ${value}`);
    return Object.is(value, -0) ? "-0" : String(value);
  }
  if (typeof value !== "object") throw unstorable(what, `it is ${value === undefined ? value : `a ${typeof value}`}`);
  if (above.includes(value)) throw unstorable(what, "it contains itself");
  return textOfObject(value, what, [...above, value]);
}

function textOfObject(value: object, what: string, above: readonly object[]): string {
  if (value instanceof Uint8Array) return textOfBytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof ArrayBuffer) return textOfBytes(Buffer.from(value));
  if (Array.isArray(value)) {
    // Also where there is nothing.
    return `[${Array.from(value, (one, index) => textOf(one, `${what}[${index}]`, above)).join()}]`;
  }
  if (value instanceof Date || value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    throw unstorable(what, `it is a ${value.constructor.name}`);
  }
  if (Reflect.get(value, "type") === "Buffer") throw unstorable(what, "it would be read as bytes");
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const texts = members.map(([key, member]) => `${JSON.stringify(key)}:${textOf(member, `${what}.${key}`, above)}`);
  return `{${texts.join()}}`;
}

function textOfBytes(bytes: Buffer): string {
  return `{"type":"Buffer","data":"${bytes.toString("base64")}"}`;
}

/** wapi itself takes each object with a text as `data` for bytes. */
function revived(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { type, data, low, high, unsigned } = value as { readonly [key: string]: unknown };
  if (type === "Buffer" && typeof data === "string") return Buffer.from(data, "base64");
  const isLong = typeof low === "number" && typeof high === "number" && typeof unsigned === "boolean";
  return isLong && Object.keys(value).length === 3 ? new Int64(low, high, unsigned) : value;
}

function unstorable(what: string, why: string): VaultError {
  return new VaultError("INVALID", `Could not store ${what}: ${why}.`, {
    hint: "wapi's records are JSON. `useVaultAuthState` stores what JSON cannot express.",
  });
}
