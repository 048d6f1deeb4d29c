import { expect, it } from "vitest";
import { onlyLong } from "../support/length.ts";
import { useRig } from "../support/rig.ts";
import {
  type BadNetwork,
  type OwnService,
  startOwnMongo,
  startOwnPostgres,
  startOwnRedis,
  startOwnS3,
  startToxiproxy,
  unique,
} from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import type { StoreSpec } from "../support/stores.ts";
import {
  botOn,
  ENDLESS_MS,
  expectLost,
  expectTaken,
  handOver,
  link,
  savedBy,
  saveRecord,
  TTL_MS,
  untilWaiting,
} from "./handover.ts";

const rig = useRig();

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
  ...onlyLong<[StoreSpec["kind"], () => Promise<OwnService>]>(
    ["s3", startOwnS3],
    ["mongo", startOwnMongo],
    ["postgres", () => startOwnPostgres()],
  ),
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
