import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writesSoon } from "../support/chromium.ts";
import { liveAndComeBack } from "../support/life.ts";
import type { Rig } from "../support/rig.ts";
import { unique } from "../support/services/index.ts";
import type { Service } from "../support/services/service.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore, type StoreKind } from "../support/stores.ts";

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
          return rig.start({
            strategy: "remote",
            store,
            clientId,
            dataPath: join(cwd, "sessions"),
            cwd,
            args: writesSoon,
          });
        };
        const [, second] = await liveAndComeBack(bot);
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
