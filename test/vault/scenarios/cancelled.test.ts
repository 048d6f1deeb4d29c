import { join } from "node:path";
import { expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";
const files = (value: string) => profileFiles(value, { "Default/a.ldb": noise(600_000, value.length) });
const folder = useFolder();

interface Cancellable {
  readonly store: Vault;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

const operations: Record<string, (options: Cancellable) => Promise<unknown>> = {
  state: ({ store, signal }) => store.state({ session, signal }),
  acquire: async ({ store, lease, signal }) => {
    await lease.release();
    return store.acquire({ session, signal });
  },
  breakLease: ({ store, signal }) => store.breakLease({ session, signal }),
  saveProfile: ({ store, lease, signal }) =>
    store.saveProfile({ session, lease, signal, capture: captureOf(files("two")) }),
  restoreProfile: ({ store, signal }) => store.restoreProfile({ session, into: join(folder(), "into"), signal }),
  mark: ({ store, lease, signal }) => store.mark({ session, lease, generation: 2, as: "proven", signal }),
  delete: ({ store, lease, signal }) => store.delete({ session, lease, signal }),
  prune: ({ store, lease, signal }) => store.prune({ session, lease, signal }),
};

it.each(Object.entries(operations))(
  "%s that is aborted at any of its requests rejects with the signal's reason, never with an outage",
  async (_name, operate) => {
    for (let at = 1, wasReached = true; wasReached; at++) {
      const requests = new Requests(new MemoryBlobs());
      const store = new Vault({ blobs: requests, retryDelayMs: 0, onWarning: () => {} });
      const lease = await store.acquire({ session });
      await store.saveProfile({ session, lease, capture: captureOf(files("one")) });
      const controller = new AbortController();
      const reason = new Error("enough");
      let count = 0;
      requests.intercept = async (_call, _key, go) => {
        if (++count === at) controller.abort(reason);
        return go();
      };
      const outcome = await operate({ store, lease, signal: controller.signal }).then(
        () => "done",
        (error: unknown) => error,
      );
      requests.passAll();
      wasReached = count >= at;
      expect(outcome).toBe(wasReached ? reason : "done");
      if (await store.sessionExists({ session })) {
        const into = join(folder(), "restored");
        const { generation } = await store.restoreProfile({ session, into });
        assertSameFiles(await filesIn(into), files(generation === 2 ? "one" : "two"));
      }
    }
  },
);
