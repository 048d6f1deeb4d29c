import { describe, expect, it } from "vitest";
import { isVaultError } from "../../lib/errors.ts";
import { openRemote, type RemoteClient, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

/**
 * Whoever was overtaken learns it by a save, its own or one of the loop, which may come first: then the client is
 * closed, and whatever its page is doing fails.
 */
async function expectOvertaken(client: RemoteClient, error: unknown): Promise<void> {
  const { values } = await client.until("remote_session_lost");
  expect(values[0]).toMatchObject({ code: "LEASE_LOST" });
  if (isVaultError(error)) expect(error.code).toMatch(/^LEASE_LOST$|^INVALID$/);
}

describe("two writers on one session", () => {
  it("keep every committed save: a writer that has lost the lease commits nothing more", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    const first = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await first.until("ready");
    await first.phone.write();
    await first.strategy.backup();

    // A rolling deploy: the second starts while the first still runs.
    const second = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await second.until("ready");
    expect(second.count("qr")).toBe(0);
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

  it("a rolling deploy: the first gets CONFLICT, and the session stays for the second", async () => {
    const folder = rig.folder();
    const { sequence } = await savedSession(rig, folder);
    const first = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await first.until("ready");
    const second = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await second.until("ready");
    // The server's message to the older of two connections, unless that client has already ended by itself.
    await first.phone.setState("CONFLICT").catch(() => first.until("remote_session_lost"));
    await first.until("browser_gone");
    expect(first.count("remote_session_deleted")).toBe(0);
    await second.phone.write();
    await second.strategy.backup();
    await second.close();
    const third = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await third.until("ready");
    expect(third.count("qr")).toBe(0);
    expect((await third.phone.verdict()).lastSequence).toBe(sequence + 1);
  });

  it("that save at the same time, several times: the newest committed save is restored", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    // Both at once: the last one to acquire the lease keeps it.
    const clients = [0, 1].map(() => openRemote(rig, { store: folder, dataPath: rig.folder() }));
    for (const client of clients) await client.until("ready");
    const rounds = 8;
    const saved: { sequence: number; hash: string; generation: number; by: number }[] = [];
    await Promise.all(
      clients.map(async (client, by) => {
        try {
          for (let n = 0; n < rounds; n++) {
            const written = await client.phone.write();
            const { generation } = await client.strategy.backup();
            saved.push({ ...written, generation, by });
          }
        } catch (error) {
          await expectOvertaken(client, error);
        }
      }),
    );
    const holder = clients.findIndex((client) => client.count("remote_session_lost") === 0);
    expect(clients.map((client) => client.count("remote_session_lost"))).toEqual(holder === 0 ? [0, 1] : [1, 0]);
    expect(saved.filter(({ by }) => by === holder)).toHaveLength(rounds);
    for (const client of clients) client.killBrowser();
    const newest = saved.sort((a, b) => b.generation - a.generation)[0];
    expect(newest?.by).toBe(holder);
    const again = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await again.until("ready");
    expect(await again.phone.record(newest?.sequence ?? 0)).toBe(newest?.hash);
  });
});
