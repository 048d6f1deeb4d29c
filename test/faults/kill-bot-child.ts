// A Baileys bot in a process of its own, without a socket: it sends as fast as it can on a state in a real store, until it
// is killed. `node kill-bot-child.js <BotSpec as JSON>`, with a channel to the process that started it.
import { useVaultAuthState } from "../../lib/baileys/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { openBlobs } from "./kill-blobs.ts";
import type { BotNews, BotSpec } from "./kill-bot.ts";

const PEERS = 5;
const { blobs: spec, session, encryption } = JSON.parse(process.argv[2] ?? "") as BotSpec;
process.once("disconnect", () => process.exit(1));

const { blobs } = await openBlobs(spec);
const store = new Vault({ blobs, ...(encryption ? { encryption } : {}) });
const { state, saveCreds } = await useVaultAuthState({ store, session, onWarning: () => {} });
const { creds, keys } = state;
const peers = Array.from({ length: PEERS }, (_, peer) => `peer ${peer}`);
const found = await keys.get("session", peers);
const counts = Object.fromEntries(peers.map((peer) => [peer, found[peer]?.readUInt32BE(0) ?? 0]));
await tell({ found: counts, creds: creds.accountSyncCounter, nextPreKeyId: creds.nextPreKeyId });

await Promise.all([...peers.map(send), upload(), save()]);

/** Sends messages: each has the next counter, which is stored before the message is sent. */
async function send(peer: string): Promise<void> {
  for (let count = counts[peer] ?? 0; ; ) {
    count++;
    const ratchet = Buffer.alloc(500 + (count % 50) * 20, count);
    ratchet.writeUInt32BE(count, 0);
    const group = { [`group::${peer}`]: Buffer.alloc(2_000, count) };
    await keys.set({ session: { [peer]: ratchet }, ...(count % 7 === 0 ? { "sender-key": group } : {}) });
    await tell({ sent: peer, count });
  }
}

/** Uploads pre-keys and uses them up; dies before it has saved the credentials, for all that it knows. */
async function upload(): Promise<void> {
  for (let id = creds.nextPreKeyId; ; id++) {
    const used = id > 20 ? { [id - 20]: null } : {};
    await keys.set({ "pre-key": { [id]: { public: Buffer.alloc(32, id), private: Buffer.alloc(32, id) }, ...used } });
    await tell({ uploaded: id });
  }
}

async function save(): Promise<void> {
  for (;;) {
    creds.accountSyncCounter++;
    const saved = creds.accountSyncCounter;
    await saveCreds();
    await tell({ saved });
  }
}

/** Resolves when the news are on their way: a process that is killed then has told them. */
function tell(news: BotNews): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(news, () => resolve());
  });
}
