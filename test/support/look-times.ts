import { afterAll, beforeAll } from "vitest";
import { LOOK_TIMES, type LookTimes } from "../../lib/browser/look.ts";

/**
 * Other times, until the group of tests ends, for looks at what nobody changes: their length decides nothing then. A look
 * that a change must end keeps its own time, which a busy machine needs.
 */
export function useLookTimes(times: Partial<LookTimes>): void {
  const own = { ...LOOK_TIMES };
  beforeAll(() => void Object.assign(LOOK_TIMES, times));
  afterAll(() => void Object.assign(LOOK_TIMES, own));
}
