import * as baileys from "baileys";
import type { AnyAuthState, AuthenticationCreds, RecordSet } from "../../../lib/baileys/types.ts";
import { linked } from "./states.ts";

/** A state as a bot has it that is linked: credentials, and records of each family. */
export interface SampleState {
  readonly creds: AuthenticationCreds;
  readonly records: RecordSet;
}

const GROUP = "5511999-1612345678@g.us";

/** Bytes that tell which ones they are. */
export function bytesOf(text: string, length = 33): Buffer {
  return Buffer.alloc(length, text);
}

/** A state with all families. @param preKeys how many pre-keys it has */
export function sampleState(preKeys = 30): SampleState {
  const { AppStateSyncKeyData } = baileys.proto.Message;
  const pair = (id: number): object => ({ public: bytesOf(`public ${id}`), private: bytesOf(`private ${id}`) });
  const creds: AuthenticationCreds = Object.assign(baileys.initAuthCreds(), linked(), {
    me: { id: "5511999:3@s.whatsapp.net", lid: "7788:3@lid", name: "Anna" },
    signalIdentities: [{ identifier: { name: "7788:3@lid", deviceId: 0 }, identifierKey: bytesOf("identity") }],
    myAppStateKeyId: "AAAAAA/b+c==",
    nextPreKeyId: preKeys + 1,
    firstUnuploadedPreKeyId: preKeys + 1,
    routingInfo: bytesOf("routing", 8),
    accountSyncCounter: 1,
    lastAccountSyncTimestamp: 1_700_000_000,
    processedHistoryMessages: [{ key: { remoteJid: "5511999@s.whatsapp.net", id: "A1" }, messageTimestamp: 17 }],
    platform: "android",
  });
  return {
    creds,
    records: {
      "pre-key": Object.fromEntries(Array.from({ length: preKeys }, (_, at) => [at + 1, pair(at + 1)])),
      session: {
        // As libsignal for JavaScript has it, and as bytes.
        "5511888.0": {
          _sessions: {
            "BQ==": {
              registrationId: 7,
              indexInfo: { used: 1, closed: -1 },
              _chains: { "12==": { messageKeys: { "3": "a2V5" } } },
            },
          },
          version: "v1",
        },
        "7788_1.3": bytesOf("session", 900),
      },
      "identity-key": { "5511888.0": bytesOf("5511888") },
      "sender-key": {
        [`${GROUP}::5511888::0`]: bytesOf("sender key", 300),
        "status@broadcast::5511999_1::3": bytesOf("status", 300),
        // As Baileys 6.17 has it.
        [`${GROUP}::5511999::3`]: [
          { senderKeyId: 5, senderChainKey: { iteration: 1, seed: bytesOf("seed") }, senderMessageKeys: [] },
        ],
      },
      "sender-key-memory": { [GROUP]: { "5511888:0@s.whatsapp.net": true, "7788:3@lid": true } },
      "app-state-sync-key": {
        "AAAAAA/b+c==": AppStateSyncKeyData.fromObject({
          keyData: bytesOf("key data", 32),
          fingerprint: { rawId: 1, currentIndex: 2, deviceIndexes: [0, 3] },
          timestamp: 1_700_000_000_123,
        }),
      },
      "app-state-sync-version": {
        regular: {
          version: 3,
          hash: bytesOf("hash", 128),
          indexValueMap: { "12AB==": { valueMac: bytesOf("mac", 32) } },
        },
      },
      "lid-mapping": { "5511888": "9900", "9900_reverse": "5511888" },
      "device-list": { "5511888": ["0", "3"] },
      tctoken: {
        __index: { token: Buffer.from(JSON.stringify(["9900@lid"])) },
        "9900@lid": { token: bytesOf("token", 16), timestamp: "1700000000" },
      },
    },
  };
}

/** Gives a state to a bot. */
export async function fill(
  { state, saveCreds }: { state: AnyAuthState; saveCreds: () => unknown },
  { creds, records }: SampleState,
): Promise<void> {
  Object.assign(state.creds, creds);
  for (const [type, values] of Object.entries(records)) await state.keys.set({ [type]: values });
  await saveCreds();
}

/** What a bot reads of a state that holds a sample: credentials, and records by family. App state keys are given as bytes. */
export async function readAll(state: AnyAuthState, { records }: SampleState): Promise<object> {
  const found: Record<string, unknown> = {};
  for (const [type, values] of Object.entries(records)) {
    found[type] = inOneForm(type, await state.keys.get(type, Object.keys(values ?? {})));
  }
  return { creds: inOneFormOfCreds(state.creds), records: found };
}

/** A sample in the form of {@link readAll}. */
export function expectedOf({ creds, records }: SampleState): object {
  const found = Object.entries(records).map(([type, values]) => [type, inOneForm(type, values ?? {})]);
  return { creds: inOneFormOfCreds(creds), records: Object.fromEntries(found) };
}

function inOneForm(type: string, values: { [id: string]: unknown }): object {
  if (type !== "app-state-sync-key") return values;
  const { AppStateSyncKeyData } = baileys.proto.Message;
  return Object.fromEntries(
    Object.entries(values).map(([id, value]) => {
      return [id, Buffer.from(AppStateSyncKeyData.encode(value as object).finish()).toString("hex")];
    }),
  );
}

/** In JSON, the bytes of a protobuf message are text. */
function inOneFormOfCreds({ account, ...creds }: AuthenticationCreds): object {
  const { ADVSignedDeviceIdentity } = baileys.proto;
  const encoded = Buffer.from(ADVSignedDeviceIdentity.encode(ADVSignedDeviceIdentity.fromObject(account)).finish());
  return { ...creds, account: encoded.toString("hex") };
}
