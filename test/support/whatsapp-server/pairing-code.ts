import { randomBytes } from "node:crypto";
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  type BinaryNode,
  Curve,
  derivePairingCodeKey,
  hkdf,
  type KeyPair,
  S_WHATSAPP_NET,
} from "baileys";
import { childBytes } from "./key-bundle.ts";
import { newId, node, seconds } from "./nodes.ts";
import type { PendingClient } from "./pending-client.ts";

/** What a client asks of the phone that is to link it by a code. */
export interface CodeRequest {
  client: PendingClient;
  /** `link_code_companion_reg` */
  request: BinaryNode;
}

/** The phone's side of linking by a code: the code seals a key of each side, and these agree on the secret. */
export class CodePairing {
  readonly #identity: KeyPair;
  readonly #ephemeral: KeyPair;
  /** The client's key, and ours sealed with the code. */
  readonly #theirs: Buffer;
  readonly #sealed: Buffer;

  private constructor(identity: KeyPair, ephemeral: KeyPair, theirs: Buffer, sealed: Buffer) {
    this.#identity = identity;
    this.#ephemeral = ephemeral;
    this.#theirs = theirs;
    this.#sealed = sealed;
  }

  /**
   * @param identity of the phone
   * @param hello the client's first request
   */
  static async begin(identity: KeyPair, code: string, hello: BinaryNode): Promise<CodePairing> {
    const wrapped = childBytes(hello, "link_code_pairing_wrapped_companion_ephemeral_pub");
    const theirKey = await derivePairingCodeKey(code, wrapped.subarray(0, 32));
    const theirs = aesDecryptCTR(wrapped.subarray(48, 80), theirKey, wrapped.subarray(32, 48));
    const ephemeral = Curve.generateKeyPair();
    const salt = randomBytes(32);
    const iv = randomBytes(16);
    const ciphertext = aesEncryptCTR(ephemeral.public, await derivePairingCodeKey(code, salt), iv);
    return new CodePairing(identity, ephemeral, theirs, Buffer.concat([salt, iv, ciphertext]));
  }

  /** What the client gets once the code was typed. */
  notification(): BinaryNode {
    const attrs = { id: newId(), from: S_WHATSAPP_NET, type: "link_code_companion_reg", t: seconds() };
    const content = node("link_code_companion_reg", { stage: "primary_hello" }, [
      node("link_code_pairing_ref", {}, randomBytes(16)),
      node("primary_identity_pub", {}, this.#identity.public),
      node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, this.#sealed),
    ]);
    return node("notification", attrs, [content]);
  }

  /**
   * @param finish the client's second request
   * @returns the secret that the phone and the client have in common
   * @throws when the client has another code
   */
  finish(finish: BinaryNode): Buffer {
    const shared = Curve.sharedKey(this.#ephemeral.private, this.#theirs);
    const bundle = childBytes(finish, "link_code_pairing_wrapped_key_bundle");
    const info = "link_code_pairing_key_bundle_encryption_key";
    const key = Buffer.from(hkdf(shared, 32, { salt: bundle.subarray(0, 32), info }));
    const opened = aesDecryptGCM(bundle.subarray(44), key, bundle.subarray(32, 44), Buffer.alloc(0));
    const identityShared = Curve.sharedKey(this.#identity.private, opened.subarray(0, 32));
    const secrets = Buffer.concat([shared, identityShared, opened.subarray(64, 96)]);
    return Buffer.from(hkdf(secrets, 32, { info: "adv_secret" }));
  }
}
