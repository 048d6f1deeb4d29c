import {
  type AuthenticationCreds,
  addTransactionCapability,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeWAMessage,
  initAuthCreds,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type SignalRepositoryWithLIDStore,
  unpadRandomMax16,
} from "baileys";
import { type KeyBundle, sessionOf } from "./key-bundle.ts";
import { silentLogger } from "./silent-logger.ts";

/** A ciphertext and its kind: the first message of a session, a later one, or one to a group. */
export interface Sealed {
  type: "pkmsg" | "msg" | "skmsg";
  ciphertext: Buffer;
}

/** A device's end of Signal sessions: Baileys 7's own repository, over keys in memory. */
export class SignalPeer {
  readonly creds: AuthenticationCreds = initAuthCreds();
  readonly #keys = new MemoryKeys();
  readonly #repository: SignalRepositoryWithLIDStore;
  #nextPreKeyId = 1;

  constructor() {
    const keys = addTransactionCapability(this.#keys, silentLogger, { maxCommitRetries: 1, delayBetweenTriesMs: 0 });
    this.#repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds: this.creds, keys }, silentLogger);
  }

  /** The keys for a new session, with a pre-key that no other bundle has. */
  bundle(): KeyBundle {
    const { registrationId, signedIdentityKey, signedPreKey } = this.creds;
    const preKeyId = this.#nextPreKeyId++;
    const preKey = Curve.generateKeyPair();
    this.#keys.set({ "pre-key": { [preKeyId]: preKey } });
    return {
      registrationId,
      identity: Buffer.from(signedIdentityKey.public),
      signedPreKey: {
        id: signedPreKey.keyId,
        key: Buffer.from(signedPreKey.keyPair.public),
        signature: Buffer.from(signedPreKey.signature),
      },
      preKey: { id: preKeyId, key: Buffer.from(preKey.public) },
    };
  }

  /**
   * Seals a message for a device, with which a session begins if there is none.
   * @param bundleOf takes the device's keys when a session begins
   */
  async seal(device: string, message: proto.IMessage, bundleOf: () => KeyBundle): Promise<Sealed> {
    const { exists } = await this.#repository.validateSession(device);
    if (!exists) await this.#repository.injectE2ESession({ jid: device, session: sessionOf(bundleOf()) });
    const { type, ciphertext } = await this.#repository.encryptMessage({ jid: device, data: encodeWAMessage(message) });
    return { type, ciphertext: Buffer.from(ciphertext) };
  }

  /** Seals a message for a group; with the message that tells a device the key. */
  async sealForGroup(
    group: string,
    me: string,
    message: proto.IMessage,
  ): Promise<[Sealed, keyMessage: proto.IMessage]> {
    const data = encodeWAMessage(message);
    const sealed = await this.#repository.encryptGroupMessage({ group, meId: me, data });
    const axolotlSenderKeyDistributionMessage = sealed.senderKeyDistributionMessage;
    const keyMessage = { senderKeyDistributionMessage: { groupId: group, axolotlSenderKeyDistributionMessage } };
    return [{ type: "skmsg", ciphertext: Buffer.from(sealed.ciphertext) }, keyMessage];
  }

  /**
   * Opens what a device has sealed.
   * @param chat the group of a message to a group
   */
  async open(device: string, { type, ciphertext }: Sealed, chat: string): Promise<proto.IMessage> {
    const padded =
      type === "skmsg"
        ? await this.#repository.decryptGroupMessage({ group: chat, authorJid: device, msg: ciphertext })
        : await this.#repository.decryptMessage({ jid: device, type, ciphertext });
    const message = proto.Message.decode(unpadRandomMax16(padded));
    const item = message.senderKeyDistributionMessage;
    if (item) await this.#repository.processSenderKeyDistributionMessage({ authorJid: device, item });
    return message;
  }
}

/** Records of a Signal repository, in memory. */
class MemoryKeys implements SignalKeyStore {
  readonly #records = new Map<string, unknown>();

  get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]): Record<string, SignalDataTypeMap[T]> {
    const found = ids.filter((id) => this.#records.has(`${type} ${id}`));
    return Object.fromEntries(found.map((id) => [id, this.#records.get(`${type} ${id}`) as SignalDataTypeMap[T]]));
  }

  set(data: SignalDataSet): void {
    for (const [type, records] of Object.entries(data)) {
      for (const [id, value] of Object.entries(records)) {
        if (value === null || value === undefined) this.#records.delete(`${type} ${id}`);
        else this.#records.set(`${type} ${id}`, value);
      }
    }
  }
}
