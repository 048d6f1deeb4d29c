import { isVaultError, VaultError } from "../errors.ts";

/** The first byte of an encoded value: the bytes that follow are the value itself. */
const BYTES = 0;
/** The first byte of an encoded value: JSON follows, in which what JSON lacks is an object with one key. */
const JSON_TEXT = 1;
/** Keys that begin with it are ours; those of values get a second one. */
const MARK = "$";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A signed or unsigned integer of 64 bits, with the fields of the package `long`, which protobuf messages are made of. */
export class Int64 {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
  /** What `Long.isLong` looks for. */
  declare readonly __isLong__: true;

  constructor(low: number, high: number, unsigned: boolean) {
    this.low = low;
    this.high = high;
    this.unsigned = unsigned;
  }

  toBigInt(): bigint {
    const bits = (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
    return this.unsigned ? bits : BigInt.asIntN(64, bits);
  }

  toNumber(): number {
    return Number(this.toBigInt());
  }

  toString(): string {
    return String(this.toBigInt());
  }
}
Object.defineProperty(Int64.prototype, "__isLong__", { value: true });

/**
 * A value of Baileys as bytes: without loss for bytes, protobuf messages, `Long`, `undefined`, NaN, -0, BigInt, dates, maps
 * and sets, wherever they are in it. A protobuf message is taken by its fields, and not by its `toJSON`, which turns bytes
 * into text. Instances of other classes lose their class.
 * @param what named in errors
 * @throws `INVALID` when it contains a function, a symbol, a view of numbers other than bytes, or itself
 */
export function encodeValue(value: unknown, what: string): Buffer {
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.of(BYTES), value]);
  const text = JSON.stringify(pack(value, what, []));
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  bytes[0] = JSON_TEXT;
  bytes.write(text, 1);
  return bytes;
}

/**
 * The value that {@link encodeValue} made the bytes from, as a copy. All bytes in it are of the class `Buffer`.
 * @param what named in errors
 * @throws `CORRUPT` when they are no such bytes; `INVALID` when a newer version wrote them
 */
export function decodeValue(bytes: Buffer, what: string): unknown {
  const content = bytes.subarray(1);
  if (bytes[0] === BYTES) return Buffer.from(content);
  try {
    if (bytes[0] === JSON_TEXT) return unpack(JSON.parse(content.toString("utf8")) as Json, what);
  } catch (cause) {
    if (isVaultError(cause)) throw cause;
    throw new VaultError("CORRUPT", `Could not read ${what}: it is not what was stored.`, { cause });
  }
  throw newer(what);
}

function pack(value: unknown, what: string, above: readonly object[]): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (value === undefined) return { $u: 0 };
  if (typeof value === "number") {
    const isPlain = Number.isFinite(value) && !Object.is(value, -0);
    return isPlain ? value : { $n: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (typeof value === "bigint") return { $i: String(value) };
  if (typeof value !== "object") throw unstorable(what, `it is a ${typeof value}`);
  if (above.includes(value)) throw unstorable(what, "it contains itself");
  return packObject(value, what, [...above, value]);
}

function packObject(value: object, what: string, above: readonly object[]): Json {
  if (value instanceof Uint8Array) return { $b: asBuffer(value).toString("base64") };
  if (value instanceof ArrayBuffer) return { $b: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value) || value instanceof SharedArrayBuffer) throw unstorable(what, "it is no Uint8Array");
  if (value instanceof Date) return { $d: pack(value.getTime(), what, above) };
  if (isLong(value)) return { $l: [value.low, value.high, value.unsigned ? 1 : 0] };
  if (value instanceof Set) return { $s: packList([...value], what, above) };
  if (value instanceof Map) return { $m: packList([...value].flat(), what, above) };
  if (Array.isArray(value)) return packList(value, what, above);
  return fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.startsWith(MARK) ? MARK + key : key,
      pack(member, `${what}.${key}`, above),
    ]),
  );
}

function packList(list: readonly unknown[], what: string, above: readonly object[]): Json[] {
  // Also where there is nothing.
  return Array.from(list, (one, index) => pack(one, `${what}[${index}]`, above));
}

function unpack(json: Json, what: string): unknown {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map((one) => unpack(one, what));
  const entries = Object.entries(json);
  const [only] = entries;
  if (entries.length === 1 && only?.[0].startsWith(MARK) && !only[0].startsWith(MARK + MARK)) {
    return unpackMarked(only[0], only[1], what);
  }
  return fromEntries(
    entries.map(([key, member]) => [key.startsWith(MARK) ? key.slice(MARK.length) : key, unpack(member, what)]),
  );
}

function unpackMarked(mark: string, json: Json, what: string): unknown {
  const list = (): unknown[] => unpack(json, what) as unknown[];
  switch (mark) {
    case "$u":
      return undefined;
    case "$n":
      return Number(json);
    case "$i":
      return BigInt(json as string);
    case "$b":
      return Buffer.from(json as string, "base64");
    case "$d":
      return new Date(unpack(json, what) as number);
    case "$l": {
      const [low, high, unsigned] = json as [number, number, number];
      return new Int64(low, high, unsigned === 1);
    }
    case "$s":
      return new Set(list());
    case "$m": {
      const flat = list();
      return new Map(flat.flatMap((key, at) => (at % 2 === 0 ? [[key, flat[at + 1]]] : [])));
    }
  }
  throw newer(what);
}

/** As `Object.fromEntries`; `__proto__` is a key like others. */
function fromEntries<T>(entries: readonly (readonly [string, T])[]): { [key: string]: T } {
  const object: { [key: string]: T } = {};
  for (const [key, value] of entries) {
    if (key !== "__proto__") object[key] = value;
    else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

function isLong(value: object): value is { low: number; high: number; unsigned: boolean } {
  return Reflect.get(value, "__isLong__") === true;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function unstorable(what: string, why: string): VaultError {
  return new VaultError("INVALID", `Could not store ${what}: ${why}.`, {
    hint: "Functions, symbols, views of numbers other than bytes, and values that contain themselves cannot be stored.",
  });
}

function newer(what: string): VaultError {
  return new VaultError("INVALID", `Could not read ${what}: a newer version of wa-vault wrote it.`, {
    hint: "Update wa-vault.",
  });
}
