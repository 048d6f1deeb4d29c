import { join } from "node:path";
import { captureProfile } from "../lib/profile/capture/capture.ts";
import { type Side, sides } from "./figures.ts";
import { hashOf } from "./tree.ts";

const VERSION = "Last Version";

/**
 * What a side leaves out: the browser's version, which is no part of the site's storage, and the shipped strategy also
 * Local Storage in its SQLite form, which is. Its list of directories knows the LevelDB form only, and without the other
 * one a restored profile shows a QR.
 */
const LEFT_OUT: Partial<Record<Side, RegExp>> = {
  shipped: new RegExp(`^(?:${VERSION}|Default/LocalStorage(?:-wal)?)$`),
  limit: new RegExp(`^${VERSION}$`),
};

/**
 * Looks whether every file of `state` that carries the session is, byte for byte, in each of the `restored` profiles,
 * by the side that restored them.
 * @returns how many files were compared.
 * @throws naming the first file that differs.
 */
export async function assertSameBytes(state: string, restored: Readonly<Record<Side, string[]>>): Promise<number> {
  const capture = await captureProfile(state, { live: false });
  await capture.close();
  let compared = 0;
  for (const { path, size } of capture.files) {
    const expected = await hashOf(join(state, path), size);
    for (const side of sides) {
      if (LEFT_OUT[side]?.test(path)) continue;
      for (const directory of restored[side]) {
        compared++;
        if (expected === undefined || (await hashOf(join(directory, path), size)) !== expected) {
          throw new Error(`The profile that ${side} has restored differs from the saved one: ${path}.`);
        }
      }
    }
  }
  return compared;
}
