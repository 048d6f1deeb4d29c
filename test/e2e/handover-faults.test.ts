import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import type { VaultError } from "../../lib/errors.ts";
import type { SaveReport } from "../../lib/store.ts";
import { onlyLong } from "../support/length.ts";
import type { Written } from "../support/phone.ts";
import { savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import {
  type BadNetwork,
  type OwnService,
  startOwnMongo,
  startOwnRedis,
  startOwnS3,
  startToxiproxy,
  unique,
} from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import type { Bot } from "../support/start-bot.ts";
import type { StoreSpec } from "../support/stores.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";
import { botOn, handOver, link, untilWaiting } from "./handover.ts";

const rig = useRig();
const session = "RemoteAuth";
/** Of leases that a test waits for; nobody waits for them while their holder is well, and may only be slow. */
const TTL_MS = 3_000;
/** Of leases that end by a release or by the end of their process. */
const ENDLESS_MS = 24 * 60 * 60 * 1000;

/** A store in a directory with a session in it. */
async function savedIn(leaseTtlMs: number): Promise<StoreSpec & { directory: string }> {
  const directory = rig.folder();
  await savedSession(rig, directory);
  return { kind: "file", directory, leaseTtlMs };
}

/** Writes a record and saves it. */
async function saveRecord(bot: Bot): Promise<Written & SaveReport> {
  const written = await bot.phone.write();
  return { ...written, ...(await bot.backup()) };
}

/** The one that has lost the session says so once, closes its browser, and shows no QR. */
async function expectLost(bot: Bot, shownBefore = 0): Promise<void> {
  expect((await bot.until("remote_session_lost")).values[0]).toMatchObject({ code: "LEASE_LOST" });
  await bot.until("browser_gone");
  expect(bot.count("remote_session_lost")).toBe(1);
  expect(bot.count("qr")).toBe(shownBefore);
}

/** The generations that the bot has saved, as far as it knows. */
function savedBy(bot: Bot): number[] {
  return bot.events.flatMap(({ name, values }) => {
    return name === "remote_session_saved" ? [(values[0] as SaveReport).generation] : [];
  });
}

/** Waits until the bot is ready: without a QR, from the newest generation, which has this record. */
async function expectTaken(bot: Bot, from: Bot, { sequence, hash }: Written): Promise<number> {
  const { name } = await Promise.race([bot.until("ready"), bot.until("qr")]);
  expect(name).toBe("ready");
  expect(bot.count("qr")).toBe(0);
  expect(await bot.phone.verdict()).toMatchObject(wholeVerdict);
  expect(await bot.phone.record(sequence)).toBe(hash);
  const { generation } = (await bot.until("remote_session_restored")).values[0] as { generation: number };
  expect(generation).toBeGreaterThanOrEqual(Math.max(...savedBy(from)));
  return generation;
}

/** The saves in the store, and the process that made each. */
async function savesIn(store: { directory: string }): Promise<{ n: number; by: string }[]> {
  const saves: { n: number; by: string }[] = [];
  for await (const { kind, entry, by = "" } of new FileStore(store).history({ session })) {
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

/** A server with a bad network in front of it. */
interface Behind {
  readonly server: OwnService;
  readonly network: BadNetwork;
  readonly way: string;
  stop(): Promise<void>;
}

async function behind(start: () => Promise<OwnService>): Promise<Behind> {
  const network = await startToxiproxy();
  const server = await start();
  const stop = async (): Promise<void> => {
    await server.stop();
    await network.stop();
  };
  return { server, network, way: server.way, stop };
}

const servers: readonly [kind: StoreSpec["kind"], start: () => Promise<OwnService>][] = [
  ["redis", startOwnRedis],
  ...onlyLong<[StoreSpec["kind"], () => Promise<OwnService>]>(["s3", startOwnS3], ["mongo", startOwnMongo]),
];
for (const [kind, start] of servers) {
  await suiteWith(
    `a process on ${kind} that waits for the session of another one`,
    () => behind(start),
    ({ server, network }) => {
      it("takes it when the other one is cut off, which learns that when the line is good again", async () => {
        const line = await network.between(server.port);
        const direct: StoreSpec = { kind, env: server.env, name: `cut${unique()}`, leaseTtlMs: ENDLESS_MS };
        const throughLine = Object.entries(server.env).map(([name, value]) => [
          name,
          value.replace(`:${server.port}`, `:${line.port}`),
        ]);
        const cutOff: StoreSpec = { ...direct, env: Object.fromEntries(throughLine), leaseTtlMs: TTL_MS };
        const first = rig.start(botOn(rig, cutOff));
        await link(first);
        const saved = await saveRecord(first);
        const shown = first.count("qr");
        await line.cut();
        const second = rig.start(botOn(rig, direct));
        await untilWaiting(second);
        const generation = await expectTaken(second, first, saved);
        const taken = await saveRecord(second);
        expect(first.count("remote_session_lost")).toBe(0);

        await line.heal();
        await expectLost(first, shown);
        expect(Math.max(...savedBy(first))).toBeLessThanOrEqual(generation);
        const third = rig.start(botOn(rig, direct));
        await handOver(second, third, () => second.signal("SIGTERM"));
        expect(await third.phone.record(taken.sequence)).toBe(taken.hash);
      });
    },
  );
}
