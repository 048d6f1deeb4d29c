import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import type { OpenClientOptions } from "../support/client.ts";
import { openRemote, type RemoteClient, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { expectWarning } from "../support/warnings.ts";
import { whatsappVersionsHere } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

expectWarning(/WhatsApp has refused generation \d+ of RemoteAuth: the older generation \d+ is opened/);
expectWarning(/The session RemoteAuth is ready: its generation \d+ is the current one again/);

const rig = useRig();
/** A hang is noticed by it; nothing that goes well takes it. */
const LIMIT = { timeout: 240_000 };

/** The server refuses devices whose history ends at this record. */
function refusing(sequence: number): NonNullable<OpenClientOptions["client"]> {
  return { evalOnNewDoc: new Function(`window.refusedSequences = [${sequence}];`) };
}

function names(client: RemoteClient): string[] {
  const told = ["auth_failure", "qr", "ready", "remote_session_restored", "remote_session_lost", "initialize_failed"];
  return client.events.map(({ name }) => name).filter((name) => told.includes(name));
}

/** The server has removed devices whose history ends at this record, and the page learns it while it connects. */
function removing(sequence: number): NonNullable<OpenClientOptions["client"]> {
  return { evalOnNewDoc: new Function(`window.removedSequences = [${sequence}];`) };
}

it.each(whatsappVersionsHere)(
  "a page that logs itself out before whatsapp-web.js listens has refused its session (%s)",
  async (version) => {
    const folder = rig.folder();
    const store = new FileStore({ directory: folder });
    const { sequence, dataPath } = await savedSession(rig, folder);
    const bot = openRemote(rig, { store: folder, dataPath, version, client: removing(sequence) });
    await bot.until("qr");
    // The local profile is refused first, then what is stored; the QR comes after both.
    expect(names(bot)).toEqual(["auth_failure", "remote_session_restored", "qr"]);
    const told = bot.events.flatMap(({ name, values }) => (name === "remote_session_error" ? values : []));
    expect(told).toMatchObject([
      { code: "DENIED", message: expect.stringContaining("opened from its local profile") },
      { code: "DENIED", message: expect.stringContaining("it asks to link again") },
    ]);
    expect((await store.state({ session: "RemoteAuth" }))?.current?.rejected).toBe(true);
    await bot.client.destroy();
    expect((await store.state({ session: "RemoteAuth" }))?.lease).toBeUndefined();
  },
);

describe("a session that WhatsApp refuses", () => {
  it.each(whatsappVersionsHere)("goes back to the generation before, without a QR (%s)", async (version) => {
    const folder = rig.folder();
    const store = new FileStore({ directory: folder });
    const { sequence } = await savedSession(rig, folder);
    // The first generation is proven by this run, and the second one saved.
    const first = openRemote(rig, { store: folder, dataPath: rig.folder(), version });
    await first.until("ready");
    await expect.poll(async () => (await store.state({ session: "RemoteAuth" }))?.current?.proven, LIMIT).toBe(true);
    const { sequence: newest } = await first.phone.write();
    await first.close();
    const before = await store.state({ session: "RemoteAuth" });
    const older = before?.generations.findLast(({ proven }) => proven)?.generation;
    const refused = before?.current?.generation;
    expect(refused).toBeGreaterThan(older ?? 0);

    const second = openRemote(rig, { store: folder, dataPath: rig.folder(), version, client: refusing(newest) });
    await second.until("ready");
    expect(names(second)).toEqual(["remote_session_restored", "auth_failure", "remote_session_restored", "ready"]);
    expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    const current = async () => (await store.state({ session: "RemoteAuth" }))?.current?.generation;
    await expect.poll(current, LIMIT).toBe(older);
    await second.phone.write();
    await second.close();

    // The refused one is kept, and no start opens it by itself.
    const after = await store.state({ session: "RemoteAuth" });
    expect(after?.generations.find(({ generation }) => generation === refused)).toMatchObject({ rejected: true });
    expect(after?.current?.generation).toBeGreaterThan(refused ?? 0);
    expect(after?.current).toMatchObject({ rejected: false });
  });
});
