import * as baileys from "baileys";
import type { AuthenticationCreds, RecordSet } from "../../../lib/baileys/types.ts";
import { linked } from "../../baileys/support/states.ts";
import { md5, wapiJson, wapiRecord } from "./wapi-format.ts";

/** A session as a bot of wapi has it after a while. */
export interface Sample {
  readonly creds: AuthenticationCreds;
  readonly records: RecordSet;
  /** The records that wapi stores, by the hash that is their name. */
  readonly stored: ReadonlyMap<string, Buffer>;
  /** How many records there are beside the credentials. */
  readonly count: number;
}

/** A group that nothing tells of. */
export const SECRET_GROUP = "120363000000000009@g.us";

/** @param more records beside those that can all be found */
export function sampleOf(uuid: string, more: RecordSet = {}): Sample {
  const creds: AuthenticationCreds = {
    ...baileys.initAuthCreds(),
    ...linked(),
    nextPreKeyId: 41,
    myAppStateKeyId: "AAAAAPG9",
  };
  const bytes = (text: string): Buffer => Buffer.from(text);
  const pair = { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) };
  const group = "120363000000000001@g.us";
  const sync = (fill: number): object =>
    baileys.proto.Message.AppStateSyncKeyData.fromObject({
      keyData: Buffer.alloc(32, fill),
      fingerprint: { rawId: fill, currentIndex: 1, deviceIndexes: [0, 1] },
      timestamp: 1_700_000_000_000,
    });
  const records: RecordSet = {
    "pre-key": Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index + 1}`, pair])),
    "app-state-sync-key": { AAAAAPG9: sync(1), AAAAAPHA: sync(2), AAAAAPC6: sync(3) },
    "app-state-sync-version": { regular: { version: 3, hash: Buffer.alloc(128, 3), indexValueMap: {} } },
    "lid-mapping": {
      "551100000001": "90000000001",
      "90000000001_reverse": "551100000001",
      "551100000002": "90000000002",
      "90000000002_reverse": "551100000002",
    },
    // The device 17 is in this list only.
    "device-list": { "551100000001": ["0", "17"] },
    session: {
      "551100000001.0": bytes("a"),
      "90000000001_1.17": bytes("b"),
      "90000000002_1.0": { _sessions: { "BQ==": { registrationId: 5 } }, version: "v1" },
      // Of somebody who is in a group with the bot, and no contact of it.
      "90000000003_1.4": bytes("c"),
    },
    "identity-key": { "90000000001_1.17": Buffer.alloc(33, 5) },
    tctoken: {
      __index: { token: bytes('["551100000004@s.whatsapp.net"]') },
      "551100000004@s.whatsapp.net": { token: bytes("t"), timestamp: "1700000000" },
    },
    "sender-key-memory": { "status@broadcast": { "90000000003:4@lid": true } },
    "sender-key": {
      "status@broadcast::5511999999999::1": bytes("[]"),
      [`${group}::90000000003_1::4`]: bytes("[{}]"),
    },
  };
  for (const [type, values] of Object.entries(more)) records[type] = { ...records[type], ...values };
  // The group is known by a message of the history alone.
  creds.processedHistoryMessages = [{ key: { remoteJid: group, id: "A" }, messageTimestamp: 1 }];
  const stored = new Map([[md5("creds"), wapiRecord(uuid, wapiJson(creds))]]);
  for (const [type, values] of Object.entries(records)) {
    for (const [id, value] of Object.entries(values ?? {})) {
      stored.set(md5(`${type}-${id}`), wapiRecord(uuid, wapiJson(value)));
    }
  }
  return { creds, records, stored, count: stored.size - 1 };
}
