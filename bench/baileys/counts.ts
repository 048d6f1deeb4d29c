import { useVaultAuthState } from "../../lib/baileys/index.ts";
import { encodeValue } from "../../lib/baileys/value-codec.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { baileys } from "../../test/support/baileys.ts";
import { BaileysBot } from "../../test/support/baileys-bot.ts";
import { startWhatsApp } from "../../test/support/whatsapp-server/server.ts";
import { type Calls, CountingBlobs, noCalls, noTraffic } from "../counting-blobs.ts";
import { BotTraffic, type BotTrafficOptions } from "./bot-traffic.ts";
import { LaterBlobs } from "./later-blobs.ts";
import { contactRecords, type RecordSet } from "./sample-records.ts";

export const SESSION = "bot";

/** What sets have cost. */
export interface Counts extends Calls {
  /** Calls of `keys.set` and of `saveCreds`. */
  readonly sets: number;
  /** Of all records that were set: keys and values, encoded. */
  readonly bytesSet: number;
  /** Of all values that were put. */
  readonly bytesPut: number;
}

/** A state whose store counts, from the moment at which it is open. */
export interface CountedState {
  set(data: RecordSet): Promise<void>;
  counts(): Counts;
  close(): Promise<void>;
}

type OpenedState = Pick<Awaited<ReturnType<typeof useVaultAuthState>>, "state" | "saveCreds" | "close">;

interface Counted {
  /** Opens the state, as often as a bot does. */
  open(): Promise<OpenedState>;
  /** Since the state was opened for the first time. */
  counts(): Counts;
}

async function openCounted(blobs: BlobStore): Promise<Counted> {
  const [traffic, calls] = [noTraffic(), noCalls()];
  const store = new Vault({ blobs: new CountingBlobs(blobs, traffic, calls) });
  const done = { sets: 0, bytesSet: 0 };
  let isOpened = false;
  return {
    async open() {
      const opened = await useVaultAuthState({ store, session: SESSION });
      const { set } = opened.state.keys;
      opened.state.keys.set = async (data) => {
        done.sets++;
        done.bytesSet += bytesOf(data as RecordSet);
        await set.call(opened.state.keys, data);
      };
      if (!isOpened) {
        isOpened = true;
        Object.assign(traffic, noTraffic());
        Object.assign(calls, noCalls());
      }
      const saveCreds = async (): Promise<void> => {
        done.sets++;
        done.bytesSet += bytesOf({ creds: { creds: opened.state.creds } });
        await opened.saveCreds();
      };
      return { state: opened.state, saveCreds, close: opened.close };
    },
    counts: () => ({ ...calls, ...done, bytesPut: traffic.bytesSent }),
  };
}

/** Opens a state in blobs, without a socket. @param blobs @default in memory */
export async function countedState(blobs: BlobStore = new LaterBlobs(new MemoryBlobs())): Promise<CountedState> {
  const { open, counts } = await openCounted(blobs);
  const { state, close } = await open();
  return { set: (data) => state.keys.set(data as never), counts, close };
}

/** Bytes of the records, as they are in an entry. */
export function bytesOf(data: RecordSet): number {
  let total = 0;
  for (const [type, records] of Object.entries(data)) {
    for (const [id, value] of Object.entries(records)) {
      total += 7 + type.length + id.length + (value === null ? 0 : encodeValue(value, id).length);
    }
  }
  return total;
}

/** The sets of a bot, one after the other, and those of so many messages at once. */
export async function countBotTraffic(options: BotTrafficOptions & { atOnce?: number }): Promise<Counts> {
  const { messages, atOnce = 1 } = options;
  const traffic = new BotTraffic(options);
  const state = await countedState();
  await state.set(traffic.first());
  for (let done = 0; done < messages; done += atOnce) {
    const sets = Array.from({ length: atOnce }, () => traffic.message()).flat();
    if (atOnce === 1) for (const set of sets) await state.set(set);
    else await Promise.all(sets.map((set) => state.set(set)));
  }
  await state.close();
  return state.counts();
}

/** Sets that only add records: nothing that is put together ever replaces anything. */
export async function countInserts(contacts: number): Promise<Counts> {
  const state = await countedState();
  for (let index = 0; index < contacts; index++) await state.set(contactRecords(index));
  await state.close();
  return state.counts();
}

/** What a real socket sets that is linked, and talks with contacts and in a group: so many messages of contacts, and fewer others. */
export async function countSockets(messages: number): Promise<Counts> {
  const server = await startWhatsApp();
  try {
    const { open: openState, counts } = await openCounted(new LaterBlobs(new MemoryBlobs()));
    const bot = await BaileysBot.start({ baileys: await baileys(), server, openState });
    await bot.link();
    const contacts = [server.contact("5511988887777"), server.contact("5511977776666")] as const;
    const group = server.addGroup("Many", contacts);
    for (let index = 0; index < messages; index++) {
      const contact = contacts[index % contacts.length] ?? contacts[0];
      await (await contact.send(`from a contact, ${index}`)).read();
      if (index % 3 !== 0) continue;
      await bot.send(contact.pn, `to a contact, ${index}`);
      await contact.received(`to a contact, ${index}`);
      await (await contact.send(`in the group, ${index}`, { group })).read();
      if (index % 6 !== 0) continue;
      await bot.send(group.jid, `to the group, ${index}`);
      for (const member of contacts) await member.received(`to the group, ${index}`);
    }
    await bot.end();
    return counts();
  } finally {
    await server.close();
  }
}
