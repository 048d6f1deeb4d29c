import { expect, it } from "vitest";
import { gate } from "../../../support/gate.ts";
import { MOST_LOOSE, RecordsRig, session, type set, setSome } from "../support/records-rig.ts";

/** Puts together all that is loose, and deletes what that replaces. */
async function foldAll(rig: RecordsRig, open: () => Promise<Parameters<typeof set>[0]>): Promise<void> {
  const records = await open();
  await setSome(records, "new");
  await rig.fold();
  await setSome(records, "newer");
  await rig.fold();
}

it("a reader begins anew when the holder has put together, and deleted, what it was reading", async () => {
  const rig = new RecordsRig();
  const holder = rig.process();
  const records = await holder.open();
  await setSome(records, "old", MOST_LOOSE - 1);
  const reader = rig.process();
  const [isReading, mayRead] = [gate(), gate()];
  let gets = 0;
  reader.requests.intercept = async (call, _key, go) => {
    // The first one is of the newest entry.
    if (call === "get" && ++gets >= 2) {
      isReading.open();
      await mayRead.opened;
    }
    return go();
  };
  const found = reader.vault.peekRecords({ session });
  await isReading.opened;
  await foldAll(rig, async () => records);
  mayRead.open();
  expect((await found)?.size).toBe(3 + 2 * MOST_LOOSE);
});

it("a holder that is overtaken while it opens the records is told so, and not that they are damaged", async () => {
  const rig = new RecordsRig();
  const first = await rig.process().open();
  await setSome(first, "old", MOST_LOOSE - 1);
  await first.close();
  const slow = rig.process();
  const [isReading, mayRead] = [gate(), gate()];
  slow.requests.intercept = async (call, key, go) => {
    if (call === "get" && key.endsWith("2")) {
      isReading.open();
      await mayRead.opened;
    }
    return go();
  };
  const opened = slow.open();
  opened.catch(() => {});
  await isReading.opened;
  const next = rig.process();
  await next.vault.breakLease({ session });
  await foldAll(rig, next.open);
  mayRead.open();
  await expect(opened).rejects.toMatchObject({ code: "LEASE_LOST" });
});
