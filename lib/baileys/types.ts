// biome-ignore-all lint/suspicious/noExplicitAny: the values of three releases of Baileys, whose types differ, fit in here.

/** A key pair as Baileys makes it. */
export interface KeyPair {
  /** The public key: 32 bytes. */
  public: Uint8Array;
  /** The private key: 32 bytes. */
  private: Uint8Array;
}

/**
 * The credentials of a linked device: what `creds.json` of Baileys has. Its sockets change the object in place, and then
 * emit `creds.update`. Fits the `AuthenticationCreds` of Baileys 6.7 to 7.
 */
export interface AuthenticationCreds {
  /** The key of the connection to WhatsApp. */
  noiseKey: KeyPair;
  /** The key of a link by a pairing code. */
  pairingEphemeralKeyPair: KeyPair;
  /** The identity of the device. */
  signedIdentityKey: KeyPair;
  /** The pre-key that is signed by the identity. */
  signedPreKey: { keyPair: KeyPair; signature: Uint8Array; keyId: number; timestampS?: number };
  /** Number of the device in the Signal protocol. */
  registrationId: number;
  /** What a QR shows beside the keys, in base64. */
  advSecretKey: string;
  /** The linked account; before it is linked by a pairing code, the number that was asked for. */
  me?: any;
  /** What the phone has signed when it linked the device. */
  account?: any;
  /** The identity keys of the linked account. */
  signalIdentities?: any;
  /** The key of the app state, such as archived chats. */
  myAppStateKeyId?: string;
  /** The first pre-key that WhatsApp does not have. */
  firstUnuploadedPreKeyId: number;
  /** The number of the next pre-key. */
  nextPreKeyId: number;
  /** When the account was last synchronised, in seconds. */
  lastAccountSyncTimestamp?: number;
  /** The system of the phone. */
  platform?: string;
  /** The parts of the history that were read. */
  processedHistoryMessages: any[];
  /** How often the app state was synchronised. */
  accountSyncCounter: number;
  /** Settings of the account. */
  accountSettings: any;
  /** As Baileys sets it; `account` tells whether a phone has linked the device. */
  registered: boolean;
  /** The pairing code that was asked for last. */
  pairingCode: string | undefined;
  /** Hash of the properties that WhatsApp has sent. */
  lastPropHash: string | undefined;
  /** Where WhatsApp wants the device to connect. */
  routingInfo: Buffer | undefined;
  /** Whatever an application puts there. */
  additionalData?: any;
}

/** By type and id, the records that are set; `null` and `undefined` delete. */
export type RecordSet = { [type in string]?: { [id: string]: any } };

/** The keys of the Signal protocol, as Baileys' sockets use them; fits its `SignalKeyStore`. */
export interface SignalKeyStore {
  /** The values of these ids; ids without one are left out. Values are copies. */
  get(type: string, ids: string[]): Promise<{ [id: string]: any }>;
  /** Sets all of these records, or none of them. */
  set(data: RecordSet): Promise<void>;
  /** Deletes all records, and keeps the credentials. */
  clear(): Promise<void>;
  /** The records of a type as they are at the call, whatever changes afterwards. */
  list(type: string): AsyncIterable<readonly [id: string, value: any]>;
  /** The ids of a type as they are at the call. */
  listIds(type: string): AsyncIterable<string>;
  /**
   * Runs `work`. What it sets, by the keys that it is given or by any others of this state, is stored at once when it has
   * ended, and is not seen outside before that; nothing is when it throws. Transactions run one after another; one within
   * another is a part of it.
   * @param key of Baileys' own signature; it is not used
   */
  transaction<T>(work: (keys: SignalKeyStore) => Promise<T>, key?: string): Promise<T>;
  /** Whether the caller runs within {@link transaction}. */
  isInTransaction(): boolean;
}

/** What `makeWASocket({ auth })` takes. */
export interface AuthenticationState {
  /** The credentials, which sockets change in place. */
  creds: AuthenticationCreds;
  /** The keys of the Signal protocol. */
  keys: SignalKeyStore;
}

/** The parts of Baileys that a state needs. */
export interface BaileysModule {
  /** Makes the credentials of a device that is not linked. */
  initAuthCreds(): AuthenticationCreds;
  /** The messages of the protocol that are encoded by name. */
  readonly proto: {
    Message: {
      encode(message: any): { finish(): Uint8Array };
      decode(bytes: Uint8Array): any;
      AppStateSyncKeyData: { fromObject(value: any): any; encode(message: any): { finish(): Uint8Array } };
    };
  };
}

/** The key of a message, as far as it is looked at; fits the `WAMessageKey` of Baileys. */
export interface MessageKey {
  /** The id of the message. */
  readonly id?: string | null | undefined;
  /** The chat. */
  readonly remoteJid?: string | null | undefined;
  /** Whether this device has sent it. */
  readonly fromMe?: boolean | null | undefined;
}

/** The parts of a socket of Baileys that `bind` uses. */
export interface BaileysSocket {
  /** The events of the socket. */
  readonly ev: { on(event: any, listener: (update: any) => void): unknown };
  /** Ends the connection. */
  end(error: Error | undefined): unknown;
  /** Resolves with the message that was sent. */
  sendMessage?(...args: any[]): Promise<any>;
  /** Resolves with the id of the message. */
  relayMessage?(...args: any[]): Promise<any>;
}

/** The keys of any authentication state: of this package, of Baileys, or of another package. */
export interface AnySignalKeys {
  /** The values of these ids. */
  get(type: any, ids: string[]): { [id: string]: any } | Promise<{ [id: string]: any }>;
  /** Sets records, and deletes those that are null. */
  set(data: any): unknown;
  /** The records of a type. */
  list?(type: any): AsyncIterable<readonly [id: string, value: any]>;
  /** The ids of a type. */
  listIds?(type: any): AsyncIterable<string>;
}

/** Any authentication state, as sockets take it. */
export interface AnyAuthState {
  /** The credentials. */
  creds: AuthenticationCreds;
  /** The keys. */
  keys: AnySignalKeys;
}
