import { expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import type { Capture } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { levelDbProfile, writeFiles } from "./small-profile.ts";
import { verifyCapture } from "./verify-capture.ts";

const newFolder = useFolder();

it("verifyCapture reports files that are damaged, and a storage that is not the one the capture names", async () => {
  const dir = newFolder();
  await writeFiles(dir, levelDbProfile());
  const capture = await captureProfile(dir, { live: false });
  expect((await verifyCapture(capture)).problems).toEqual([]);
  const less: Capture = { ...capture, files: capture.files.filter(({ path }) => !path.endsWith("000005.ldb")) };
  expect((await verifyCapture(less)).problems.map(({ reason }) => reason)).toEqual([
    ...["table 000005 is missing", "table 000005 is missing"],
  ]);
  const none: Capture = { ...capture, files: [] };
  expect(await verifyCapture(none)).toMatchObject({ empty: true });
  expect((await verifyCapture(none)).problems).toHaveLength(2);
  await capture.close();
});
