import { VaultError } from "../../errors.ts";
import { CREDS_KEY } from "../record-key.ts";

/**
 * Where the values of a family, and the credentials, have bytes: members by their names, `*` for each member; an empty path
 * is the value itself.
 */
const BYTES_AT: Readonly<Record<string, readonly string[]>> = {
  [CREDS_KEY]: [
    ...["noiseKey", "pairingEphemeralKeyPair", "signedIdentityKey", "signedPreKey.keyPair"].flatMap(pairAt),
    "signedPreKey.signature",
    ...["details", "accountSignatureKey", "accountSignature", "deviceSignature"].map((part) => `account.${part}`),
    "signalIdentities.*.identifierKey",
    "routingInfo",
  ],
  "pre-key": ["public", "private"],
  session: [""],
  // The value itself, or with Baileys 6.17 a list of states.
  "sender-key": ["", "*.senderChainKey.seed", ...pairAt("*.senderSigningKey"), "*.senderMessageKeys.*.seed"],
  "identity-key": [""],
  "app-state-sync-key": ["keyData"],
  "app-state-sync-version": ["hash", "indexValueMap.*.valueMac"],
  tctoken: ["token"],
};

function pairAt(path: string): string[] {
  return [`${path}.public`, `${path}.private`];
}

/**
 * The value that Baileys wrote as JSON. Bytes are what its `BufferJSON` makes of them, base64 or a list. An object of numbers
 * by index is bytes only where this family has bytes: Baileys itself takes any object whose keys begin with digits for them.
 * @param family of a record, or `creds`
 * @throws `SyntaxError` when it is no JSON
 */
export function parseJsonValue(text: string, family: string): unknown {
  const paths = (BYTES_AT[family] ?? []).map((path) => (path === "" ? [] : path.split(".")));
  return revive(JSON.parse(text), paths);
}

/** @param paths what is left of the paths that lead to this value or to a part of it */
function revive(json: unknown, paths: readonly (readonly string[])[]): unknown {
  if (typeof json !== "object" || json === null) return json;
  const bytes = bytesOf(json) ?? (paths.some(({ length }) => length === 0) ? numberedBytes(json) : undefined);
  if (bytes) return bytes;
  for (const [key, member] of Object.entries(json)) {
    const below = paths.filter(([first]) => first === "*" || first === key).map((path) => path.slice(1));
    Reflect.set(json, key, revive(member, below));
  }
  return json;
}

/** The bytes of a Buffer in JSON: of Baileys, with base64 in `data`, or of Node, with a list. */
function bytesOf(json: object): Buffer | undefined {
  const { type, buffer, data, value } = json as { type?: unknown; buffer?: unknown; data?: unknown; value?: unknown };
  if (type !== "Buffer" && buffer !== true) return undefined;
  const bytes = data ?? value;
  if (typeof bytes === "string") return Buffer.from(bytes, "base64");
  return Array.isArray(bytes) && bytes.every(isByte) ? Buffer.from(bytes) : undefined;
}

/** The bytes of an array of bytes that JSON has made an object of: `{ "0": 1, "1": 2 }`. */
function numberedBytes(json: object): Buffer | undefined {
  const entries = Object.entries(json);
  const isNumbered = !Array.isArray(json) && entries.length > 0;
  if (!isNumbered || !entries.every(([key, byte], index) => key === String(index) && isByte(byte))) return undefined;
  return Buffer.from(entries.map(([, byte]) => byte as number));
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 256;
}

/**
 * The JSON that Baileys would write of a value.
 * @param what named in errors
 * @throws `INVALID` when Baileys could not read it again as what it is
 */
export function formatJsonValue(value: unknown, what: string): string {
  const text = JSON.stringify(value, function (this: object, key: string, json: unknown) {
    // Before the `toJSON` of Buffers.
    const original: unknown = Reflect.get(this, key);
    if (original instanceof Uint8Array) return { type: "Buffer", data: base64Of(original) };
    const why = misreading(original);
    if (why) throw unfit(what, why);
    return json;
  });
  if (text === undefined || text === "null") throw unfit(what, "it would be read as an absent one");
  return text;
}

/** Why JSON of this value would be read as another one. */
function misreading(value: unknown): string | undefined {
  if (typeof value === "bigint") return "it contains a BigInt";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (value instanceof Map || value instanceof Set) return "it contains a map or a set";
  const { type, buffer } = value as { type?: unknown; buffer?: unknown };
  const members = Object.entries(value);
  const isNumbered = members.every(([key, member]) => !Number.isNaN(parseInt(key, 10)) && typeof member === "number");
  const isMisread = type === "Buffer" || buffer === true || (members.length > 0 && isNumbered);
  return isMisread ? "it contains an object that Baileys takes for bytes" : undefined;
}

function base64Of({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function unfit(what: string, why: string): VaultError {
  return new VaultError("INVALID", `Could not write ${what} as JSON: ${why}.`, {
    hint: "The files of `useMultiFileAuthState` cannot hold it; a store of wa-vault can.",
  });
}
