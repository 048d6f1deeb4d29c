import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import type { VaultError } from "../../lib/errors.ts";
import { savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import type { StoreSpec } from "../support/stores.ts";
import {
  botOn,
  ENDLESS_MS,
  expectLost,
  expectTaken,
  handOver,
  savedBy,
  saveRecord,
  TTL_MS,
  untilWaiting,
} from "./handover.ts";

const rig = useRig();
/** A store in a directory with a session in it. */
async function savedIn(leaseTtlMs: number): Promise<StoreSpec & { directory: string }> {
  const directory = rig.folder();
  await savedSession(rig, directory);
  return { kind: "file", directory, leaseTtlMs };
}

/** The saves in the store, and the process that made each. */
async function savesIn(store: { directory: string }): Promise<{ n: number; by: string }[]> {
  const saves: { n: number; by: string }[] = [];
  for await (const { kind, entry, by = "" } of new FileStore(store).history({ session: "RemoteAuth" })) {
    if (kind === "save") saves.push({ n: entry, by });
  }
  return saves;
}

describe("a process that waits for the session of another one", () => {
  it("takes it at once when the other one was killed on the same host", async () => {
    const store = await savedIn(ENDLESS_MS);
    const first = rig.start(botOn(rig, store));
    await first.until("ready");
    const saved = await saveRecord(first);
    await first.phone.write("not saved");
    const second = rig.start(botOn(rig, store));
    await untilWaiting(second);
    await first.vanish();
    await expectTaken(second, first, saved);
  });

  it("waits for the lease to end when the other one was killed on another host", async () => {
    const store = await savedIn(TTL_MS);
    const first = rig.start(botOn(rig, store, { host: "elsewhere" }));
    await first.until("ready");
    const saved = await saveRecord(first);
    await first.vanish();
    const second = rig.start(botOn(rig, store));
    await untilWaiting(second);
    await expectTaken(second, first, saved);
  });

  it("takes it from one that is paused for longer than its lease, which then saves nothing more", async () => {
    const store = await savedIn(TTL_MS);
    const first = rig.start(botOn(rig, store));
    await first.until("ready");
    const saved = await saveRecord(first);
    await first.phone.write("perhaps saved");
    // In the middle of a save: it is committed before the pause, or never.
    const late = first.backup().catch((error) => error as VaultError);
    first.signal("SIGSTOP");
    const second = rig.start(botOn(rig, { ...store, leaseTtlMs: ENDLESS_MS }));
    await untilWaiting(second);
    const generation = await expectTaken(second, first, saved);
    const taken = await saveRecord(second);

    first.signal("SIGCONT");
    await expectLost(first);
    const report = await late;
    // The client is destroyed as soon as the loss is known.
    if (report instanceof Error) expect(report, report.message).toMatchObject({ code: "LEASE_LOST" });
    expect(Math.max(...savedBy(first))).toBeLessThanOrEqual(generation);
    for (const { n, by } of await savesIn(store)) if (n > generation) expect(by).toMatch(new RegExp(`:${second.pid}$`));

    const third = rig.start(botOn(rig, store));
    await handOver(second, third, () => second.signal("SIGTERM"));
    expect(await third.phone.record(taken.sequence)).toBe(taken.hash);
  });

  it("gets LEASE_HELD when the other one is told to end only after it is ready, and disturbs nobody", async () => {
    const store = await savedIn(ENDLESS_MS);
    const first = rig.start(botOn(rig, store));
    await first.until("ready");
    // A rolling update with `maxUnavailable: 0`, and a readiness probe that waits for WhatsApp.
    const second = rig.start(botOn(rig, store, { options: { leaseWaitMs: 2_000 } }));
    const told = second.until("ready").then(
      () => first.signal("SIGTERM"),
      () => "never",
    );
    const { values } = await second.until("initialize_failed");
    expect(values[0]).toMatchObject({ code: "LEASE_HELD", message: expect.stringContaining(`:${first.pid}`) });
    await second.vanish();
    expect(await told).toBe("never");
    for (const event of ["browser_started", "qr"]) expect(second.count(event)).toBe(0);
    const { sequence, hash } = await saveRecord(first);
    expect(first.count("remote_session_lost")).toBe(0);

    // The way out: the old process is told to end while the new one waits.
    const third = rig.start(botOn(rig, store));
    await handOver(first, third, () => first.signal("SIGTERM"));
    expect(await third.phone.record(sequence)).toBe(hash);
  });
});
