import { expect, it } from "vitest";
import { refuseStoredMeanwhile } from "../../cli/link/held-session.ts";
import { profileFiles } from "../contract/profile.ts";
import { memory, PROFILE, saveFiles } from "../session-file/support/sessions.ts";

it("a link does not replace what somebody else has stored since the person was asked", async () => {
  const store = memory();
  const state = async () => await store.state({ session: PROFILE });
  const absent = await state();
  refuseStoredMeanwhile(PROFILE, absent, absent);
  await saveFiles(store, profileFiles("theirs"));
  const first = await state();
  expect(() => refuseStoredMeanwhile(PROFILE, absent, first)).toThrow(/was stored by somebody else/);
  // A lease that came and went changes nothing.
  await (await store.acquire({ session: PROFILE })).release();
  refuseStoredMeanwhile(PROFILE, first, await state());
  await saveFiles(store, profileFiles("newer"));
  expect(() => refuseStoredMeanwhile(PROFILE, first, absent)).toThrow(/CONFLICT|was stored/);
});
