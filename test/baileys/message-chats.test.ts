import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { ANNA, GROUP, idOf, kept, send } from "./support/sending.ts";
import { open, storeOn } from "./support/states.ts";

const OF_ANNA = [
  ANNA,
  "5511988887777:3@s.whatsapp.net",
  "5511988887777@c.us",
  "5511988887777:99@hosted",
  "7788@lid",
  "7788:3@lid",
  "7788:99@hosted.lid",
];
const OTHERS = ["5511977776666@s.whatsapp.net", "5511977776666:2@hosted", "9900@lid", "9900:1@hosted.lid"];
/** Chats that are no person's. */
const CHATS = [
  GROUP,
  "1203630000000200@g.us",
  "120363@newsletter",
  "1203630@newsletter",
  "status@broadcast",
  "5511988887777@broadcast",
  "5511988887777@bot",
  "7788@newsletter",
];

/** Both directions of a mapping, as sockets set them. */
function mapping(number: string, lid: string): { [id: string]: string } {
  return { [number]: lid, [`${lid}_reverse`]: number };
}

describe("a message that is asked for", () => {
  it("is given to the person that it was sent to, by any address, and to nobody else", async () => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    await one.state.keys.set({ "lid-mapping": mapping("5511988887777", "7788") });
    for (const [at, jid] of OF_ANNA.entries()) await send(one, [String(at)], jid);
    const all = OF_ANNA.map((_, at) => String(at));
    for (const jid of OF_ANNA) expect(await kept(one, all, jid), jid).toEqual(all);
    for (const jid of [...OTHERS, ...CHATS, "nobody"]) expect(await kept(one, all, jid), jid).toEqual([]);
  });

  it("in a chat that is no person's is given to that chat alone", async () => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    for (const chat of CHATS) await send(one, [chat], chat);
    for (const jid of CHATS) expect(await kept(one, CHATS, jid), jid).toEqual([jid]);
    for (const jid of [...OF_ANNA, ...OTHERS]) expect(await kept(one, CHATS, jid), jid).toEqual([]);
  });

  it.each<[string, { [id: string]: string }, string, string, boolean]>([
    [
      "a LID whose number is known, by another number",
      mapping("5511988887777", "7788"),
      "7788@lid",
      "5511977776666@s.whatsapp.net",
      false,
    ],
    ["a number without a LID, by the LID of another number", mapping("5511977776666", "9900"), ANNA, "9900@lid", false],
    ["a number whose LID is known, by another LID", { "5511988887777": "7788" }, ANNA, "9900@lid", false],
    ["a LID whose number is known, by that number", { "7788_reverse": "5511988887777" }, "7788@lid", ANNA, true],
    ["a number, by a LID of which as little is known: Baileys 6", {}, ANNA, "7788@lid", true],
  ])("that was sent to %s", async (_, mappings, sentTo, askedBy, isGiven) => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    await one.state.keys.set({ "lid-mapping": mappings });
    await send(one, ["hello"], sentTo);
    expect(await kept(one, ["hello"], askedBy)).toEqual(isGiven ? ["hello"] : []);
  });

  it("by a bot itself, or for a vote, whose key is told by the voter, is given", async () => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    await send(one, ["to Anna"]);
    expect(await one.getMessage({ id: idOf("to Anna") })).toBeDefined();
    expect(await one.getMessage({ id: idOf("to Anna"), remoteJid: "5511900000001@s.whatsapp.net" })).toBeDefined();
    expect(await one.getMessage(undefined as never)).toBeUndefined();
  });
});
