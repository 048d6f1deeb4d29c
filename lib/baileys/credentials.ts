import { VaultError } from "../errors.ts";
import type { AuthenticationCreds } from "./types.ts";
import { decodeValue } from "./value-codec.ts";

/**
 * Whether a phone has linked the device of these credentials, as far as they tell: a QR leaves `registered` as it was and
 * sets `account`; a pairing code sets `registered` before the phone has agreed.
 */
export function isRegistered(creds: unknown): boolean {
  const { account, registered } = Object(creds) as Partial<AuthenticationCreds>;
  return registered === true || isObject(account);
}

/** Whether both are the credentials of one device: Baileys makes the key anew for each. */
export function isSameDevice(one: AuthenticationCreds, other: AuthenticationCreds): boolean {
  return Buffer.from(one.noiseKey.public).equals(other.noiseKey.public);
}

/**
 * Why these are no credentials; `undefined` when they are. Sockets throw, or link a device that cannot be used again, when
 * a part of them is missing.
 */
export function credentialsFault(creds: unknown): string | undefined {
  if (!isObject(creds)) return "they are no object";
  const { signedPreKey, registrationId } = creds as Partial<AuthenticationCreds>;
  const pairs = {
    noiseKey: Reflect.get(creds, "noiseKey"),
    signedIdentityKey: Reflect.get(creds, "signedIdentityKey"),
    "signedPreKey.keyPair": signedPreKey?.keyPair,
  };
  const parts = Object.entries(pairs).flatMap(([name, pair]) =>
    ["public", "private"].map((half) => ({ name: `${name}.${half}`, bytes: Reflect.get(Object(pair), half) })),
  );
  const missing = parts.find(({ bytes }) => !(bytes instanceof Uint8Array) || bytes.length === 0);
  if (missing) return `\`${missing.name}\` is missing`;
  if (typeof registrationId !== "number") return "`registrationId` is missing";
  return undefined;
}

/** The credentials that were stored. @throws `CORRUPT` when they are none; as {@link decodeValue} */
export function decodeCreds(bytes: Buffer, session: string): AuthenticationCreds {
  const what = `the credentials of ${session}`;
  const creds = decodeValue(bytes, what);
  const fault = credentialsFault(creds);
  if (fault) throw new VaultError("CORRUPT", `Could not read ${what}: ${fault}.`);
  return creds as AuthenticationCreds;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
