import { describe, expect, it } from "vitest";
import { peekAuthState } from "../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import { testKey } from "../support/keys.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { linked, open, storeOn } from "./support/states.ts";

describe("a look at a session", () => {
  it("tells whether it is linked, whose it is and who has it, and takes nothing", async () => {
    const store = storeOn(new MemoryBlobs());
    expect(await peekAuthState({ store, session: "bot" })).toBeUndefined();
    const one = await open(store);
    expect(await peekAuthState({ store, session: "bot" })).toBeUndefined();
    await one.saveCreds();
    const holder = expect.stringMatching(/:\d+$/);
    expect(await peekAuthState({ store, session: "bot" })).toEqual({
      registered: false,
      kind: "records",
      records: 1,
      holder,
    });
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    const { me } = linked();
    const found = { registered: true, me, kind: "records", records: 1 };
    expect(await peekAuthState({ store, session: "bot" })).toEqual({ ...found, holder });
    expect(one.lost.aborted).toBe(false);
    await one.close();
    expect(await peekAuthState({ store, session: "Baileys-bot" })).toEqual(found);
    await store.delete({ session: "Baileys-bot" });
    expect(await peekAuthState({ store, session: "bot" })).toBeUndefined();
  });

  it("tells an outage, damage and a missing key from an absence", async () => {
    const line = new LatePuts();
    const store = storeOn(line, { encryption: { key: testKey(1) } });
    const one = await open(store);
    await one.saveCreds();
    await one.close();
    const look = (by: typeof store): unknown => peekAuthState({ store: by, session: "bot" });
    await expect(look(storeOn(line))).rejects.toMatchObject({ code: "WRONG_KEY" });
    const records = await store.openRecords({ session: "Baileys-bot" });
    await records.set([["creds", Buffer.from("\u0001{")]]);
    await records.close();
    await expect(look(store)).rejects.toMatchObject({ code: "CORRUPT" });
    line.list = () => {
      throw new VaultError("UNAVAILABLE", "no answer");
    };
    await expect(look(store)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(peekAuthState({ store: {} as never, session: "bot" })).rejects.toMatchObject({ code: "INVALID" });
  });
});
