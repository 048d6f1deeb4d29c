import { aesDecryptGCM, aesEncryptGCM, Curve, hkdf, type KeyPair, NOISE_MODE, proto, sha256 } from "baileys";
import { certificateChain } from "./certificate.ts";

/** What a client has said at the end of the handshake. */
export interface ClientFinish {
  /** The client's static public key, by which the server knows a device again. */
  noiseKey: Buffer;
  payload: proto.ClientPayload;
}

const NOTHING = Buffer.alloc(0);

/** The server's side of `Noise_XX_25519_AESGCM_SHA256`: the handshake, then the two ciphers of the transport. */
export class Noise {
  readonly #static: KeyPair;
  readonly #ephemeral: KeyPair = Curve.generateKeyPair();
  #hash: Buffer = Buffer.from(NOISE_MODE);
  #salt: Buffer = this.#hash;
  #key: Buffer = this.#hash;
  #counter = 0;
  #transport: { read: Cipher; write: Cipher } | undefined;

  /**
   * @param header the bytes that the client has sent before its first message
   * @param serverKey the static key pair of the server
   */
  constructor(header: Uint8Array, serverKey: KeyPair) {
    this.#static = serverKey;
    this.#authenticate(header);
  }

  get isOpen(): boolean {
    return this.#transport !== undefined;
  }

  /** Answers the client's first message with the server's. */
  hello(message: Uint8Array): Uint8Array {
    const theirs = proto.HandshakeMessage.decode(message).clientHello?.ephemeral;
    if (!theirs) throw new Error("a client hello without a key");
    this.#authenticate(theirs);
    this.#authenticate(this.#ephemeral.public);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, theirs));
    const sealedKey = this.#seal(this.#static.public);
    this.#mix(Curve.sharedKey(this.#static.private, theirs));
    const payload = this.#seal(certificateChain(this.#static.public));
    const serverHello = { ephemeral: this.#ephemeral.public, static: sealedKey, payload };
    return proto.HandshakeMessage.encode({ serverHello }).finish();
  }

  /** Takes the client's second message: from now on `encrypt` and `decrypt` may be called. */
  finish(message: Uint8Array): ClientFinish {
    const { static: sealedKey, payload } = proto.HandshakeMessage.decode(message).clientFinish ?? {};
    if (!sealedKey || !payload) throw new Error("a client finish without a key or a payload");
    const noiseKey = this.#open(sealedKey);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, noiseKey));
    const opened = proto.ClientPayload.decode(this.#open(payload));
    const [read, write] = this.#derive(NOTHING);
    this.#transport = { read: new Cipher(read), write: new Cipher(write) };
    return { noiseKey, payload: opened };
  }

  encrypt(bytes: Uint8Array): Buffer {
    return this.#ciphers().write.encrypt(bytes);
  }

  decrypt(bytes: Uint8Array): Buffer {
    return this.#ciphers().read.decrypt(bytes);
  }

  #ciphers(): { read: Cipher; write: Cipher } {
    if (!this.#transport) throw new Error("the handshake is not finished");
    return this.#transport;
  }

  #authenticate(bytes: Uint8Array): void {
    this.#hash = Buffer.from(sha256(Buffer.concat([this.#hash, bytes])));
  }

  #seal(bytes: Uint8Array): Buffer {
    const sealed = aesEncryptGCM(bytes, this.#key, nonce(this.#counter++), this.#hash);
    this.#authenticate(sealed);
    return sealed;
  }

  #open(bytes: Uint8Array): Buffer {
    const opened = aesDecryptGCM(bytes, this.#key, nonce(this.#counter++), this.#hash);
    this.#authenticate(bytes);
    return opened;
  }

  #mix(secret: Uint8Array): void {
    [this.#salt, this.#key] = this.#derive(secret);
    this.#counter = 0;
  }

  #derive(secret: Uint8Array): [Buffer, Buffer] {
    const keys = Buffer.from(hkdf(secret, 64, { salt: this.#salt, info: "" }));
    return [keys.subarray(0, 32), keys.subarray(32)];
  }
}

/** One direction of the transport. */
class Cipher {
  readonly #key: Buffer;
  #counter = 0;

  constructor(key: Buffer) {
    this.#key = key;
  }

  encrypt(bytes: Uint8Array): Buffer {
    return aesEncryptGCM(bytes, this.#key, nonce(this.#counter++), NOTHING);
  }

  decrypt(bytes: Uint8Array): Buffer {
    return aesDecryptGCM(bytes, this.#key, nonce(this.#counter++), NOTHING);
  }
}

function nonce(counter: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(counter, 8);
  return iv;
}
