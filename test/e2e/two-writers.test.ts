import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { isVaultError } from "../../lib/errors.ts";
import { openRemote, type RemoteClient, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

/**
 * Whoever was overtaken learns it by a save or a renewal, its own or one of the loop, which may come first: then the
 * client is closed, and whatever its page is doing fails.
 */
async function expectOvertaken(client: RemoteClient, error: unknown): Promise<void> {
  const { values } = await client.until("remote_session_lost");
  expect(values[0]).toMatchObject({ code: "LEASE_LOST" });
  if (isVaultError(error)) expect(error.code).toMatch(/^LEASE_LOST$|^INVALID$/);
}

/** Two clients that run one session, because a person has taken it away from the first one, which does not know that yet. */
async function twoClients(folder: string): Promise<[first: RemoteClient, second: RemoteClient]> {
  const first = openRemote(rig, { store: folder, dataPath: rig.folder() });
  await first.until("ready");
  await first.phone.write();
  await first.strategy.backup();
  const broken = await new FileStore({ directory: folder }).breakLease({ session: "RemoteAuth" });
  expect(broken.owner).toMatch(new RegExp(`:${process.pid}$`));
  const second = openRemote(rig, { store: folder, dataPath: rig.folder() });
  await second.until("ready");
  expect(second.count("qr")).toBe(0);
  return [first, second];
}

describe("two writers on one session", () => {
  it("keep every committed save: the writer that has lost the session commits nothing more", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    const [first, second] = await twoClients(folder);
    const committed = await second.phone.write();
    const { generation } = await second.strategy.backup();

    const late = first.phone.write().then(() => first.strategy.backup());
    const [{ reason }] = (await Promise.allSettled([late])) as [PromiseRejectedResult];
    await expectOvertaken(first, reason);
    await first.close();
    expect(first.saves().every((report) => report.generation < generation)).toBe(true);

    await second.close();
    const third = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await third.until("ready");
    expect(await third.phone.record(committed.sequence)).toBe(committed.hash);
  });

  it("whose first one gets CONFLICT: the session stays for the second one", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    const [first, second] = await twoClients(folder);
    // The server's message to the older of two connections, unless that client has already ended by itself.
    await first.phone.setState("CONFLICT").catch(() => first.until("remote_session_lost"));
    await first.until("browser_gone");
    expect(first.count("remote_session_deleted")).toBe(0);
    const { sequence } = await second.phone.write();
    await second.strategy.backup();
    await second.close();
    const third = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await third.until("ready");
    expect(third.count("qr")).toBe(0);
    expect((await third.phone.verdict()).lastSequence).toBe(sequence);
  });

  it("that save at the same time, several times: the newest committed save is restored", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    const [first, second] = await twoClients(folder);
    const saved: { sequence: number; hash: string; generation: number }[] = [];
    const saveAgain = async (client: RemoteClient): Promise<void> => {
      for (let n = 0; n < 8; n++) {
        const written = await client.phone.write();
        const { generation } = await client.strategy.backup();
        saved.push({ ...written, generation });
      }
    };
    const [lost] = await Promise.allSettled([saveAgain(first), saveAgain(second)]);
    if (lost.status === "fulfilled") throw new Error("The first client did not lose the session.");
    await expectOvertaken(first, lost.reason);
    expect(second.count("remote_session_lost")).toBe(0);
    expect(saved).toHaveLength(8);
    for (const client of [first, second]) client.killBrowser();
    const newest = saved.sort((a, b) => b.generation - a.generation)[0];
    const again = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await again.until("ready");
    expect(await again.phone.record(newest?.sequence ?? 0)).toBe(newest?.hash);
  });
});
