import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Rig } from "../support/rig.ts";
import { unique } from "../support/services/index.ts";
import type { Service } from "../support/services/service.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore, type StoreKind } from "../support/stores.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

/** A server, and the kinds of stores on it. */
export type Server = readonly [name: string, start: () => Promise<Service>, kinds: StoreKind[]];

/** Declares, for each kind of store, the life of a session in it under our RemoteAuth. */
export async function storeLives(rig: Rig, [server, start, kinds]: Server): Promise<void> {
  await suiteWith(`a session on ${server}`, shared(start), (service) => {
    describe.each(kinds)("in the store %s", (kind) => {
      it("links, saves, loses its machine, and is ready on another one without a QR", async () => {
        const store = { kind, env: service.env, name: "e2e" } as const;
        const clientId = `${kind}-${unique()}`;
        const bot = () => {
          // The published stores look for the zip in the working directory.
          const cwd = rig.folder();
          return rig.start({ strategy: "remote", store, clientId, dataPath: join(cwd, "sessions"), cwd });
        };
        const first = bot();
        await first.until("qr");
        await first.phone.pair();
        await first.until("ready");
        await first.phone.fill(1_000_000);
        await first.until("remote_session_saved");
        const { sequence, hash } = await first.phone.write();
        await first.backup();
        await first.vanish();

        const second = bot();
        await second.until("ready");
        expect(second.count("qr")).toBe(0);
        expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });

        const left = await openStore(store);
        const session = `RemoteAuth-${clientId}`;
        expect(await left.sessionExists({ session })).toBe(true);
        await second.logout();
        await second.until("remote_session_deleted");
        expect(await left.sessionExists({ session })).toBe(false);
      });
    });
  });
}
