import {
  type BinaryNode,
  encodeBigEndian,
  generateSignalPubKey,
  getBinaryNodeChild,
  getBinaryNodeChildBuffer,
  getBinaryNodeChildren,
  getBinaryNodeChildUInt,
  KEY_BUNDLE_TYPE,
  type SignalRepositoryWithLIDStore,
} from "baileys";
import { node } from "./nodes.ts";

/** A public key with its number. */
export interface PublicKey {
  id: number;
  key: Buffer;
}

/** The public keys of a device that another device begins a Signal session with. */
export interface KeyBundle {
  registrationId: number;
  identity: Buffer;
  signedPreKey: PublicKey & { signature: Buffer };
  /** Used for one session only. Absent when the device has none left. */
  preKey?: PublicKey | undefined;
}

/** The nodes of a bundle, as a client gets them from the server. */
export function bundleNodes({ registrationId, identity, signedPreKey, preKey }: KeyBundle): BinaryNode[] {
  const signature = node("signature", {}, signedPreKey.signature);
  return [
    node("registration", {}, encodeBigEndian(registrationId)),
    node("type", {}, KEY_BUNDLE_TYPE),
    node("identity", {}, identity),
    node("skey", {}, [...keyNodes(signedPreKey), signature]),
    ...(preKey ? [node("key", {}, keyNodes(preKey))] : []),
  ];
}

function keyNodes({ id, key }: PublicKey): BinaryNode[] {
  return [node("id", {}, encodeBigEndian(id, 3)), node("value", {}, key)];
}

/** A `key` or `skey` that a client has sent. */
export function readKey(from: BinaryNode): PublicKey {
  return { id: uintOf(from, "id", 3), key: childBytes(from, "value") };
}

/** The signed pre-key within `from`. */
export function readSignedPreKey(from: BinaryNode): KeyBundle["signedPreKey"] {
  const skey = getBinaryNodeChild(from, "skey");
  if (!skey) throw new Error(`${from.tag}: no signed pre-key`);
  return { ...readKey(skey), signature: childBytes(skey, "signature") };
}

/** The pre-keys that a client uploads. */
export function readPreKeys(upload: BinaryNode): PublicKey[] {
  return getBinaryNodeChildren(getBinaryNodeChild(upload, "list"), "key").map(readKey);
}

/** A bundle, as a Signal repository of Baileys takes it. */
export function sessionOf(
  bundle: KeyBundle,
): Parameters<SignalRepositoryWithLIDStore["injectE2ESession"]>[0]["session"] {
  const { registrationId, identity, signedPreKey, preKey } = bundle;
  const publicKey = ({ id, key }: PublicKey) => ({ keyId: id, publicKey: Buffer.from(generateSignalPubKey(key)) });
  return {
    registrationId,
    identityKey: generateSignalPubKey(identity),
    signedPreKey: { ...publicKey(signedPreKey), signature: signedPreKey.signature },
    ...(preKey ? { preKey: publicKey(preKey) } : {}),
  };
}

/** The bytes of a child. */
export function childBytes(from: BinaryNode, tag: string): Buffer {
  const bytes = getBinaryNodeChildBuffer(from, tag);
  if (!bytes) throw new Error(`${from.tag}: no ${tag}`);
  return Buffer.from(bytes);
}

function uintOf(from: BinaryNode, tag: string, length: number): number {
  const value = getBinaryNodeChildUInt(from, tag, length);
  if (value === undefined) throw new Error(`${from.tag}: no ${tag}`);
  return value;
}
