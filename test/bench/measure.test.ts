import assert from "node:assert/strict";
import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { test } from "vitest";
import { measure } from "../../bench/measure.ts";

const STALL_MS = 60;

function block(): void {
  for (const from = performance.now(); performance.now() - from < STALL_MS; );
}

test.each([
  ["beginning", async () => block()],
  ["end", () => new Promise<void>((resolve) => setTimeout(() => resolve(block()), 20))],
])("sees an event loop that is blocked at the %s of a step", async (_, work) => {
  const { delayMaxMs, delayP50Ms, wallMs } = await measure(work);
  // The timer that measures the delay may have been due for a part of it.
  assert.ok(delayMaxMs > STALL_MS / 2, `${delayMaxMs} ms`);
  assert.ok(delayP50Ms <= delayMaxMs);
  assert.ok(wallMs >= STALL_MS);
});

test("counts the work of the main thread, and that of the others beside it", async () => {
  const busy = await measure(async () => {
    for (const { user } = process.cpuUsage(); process.cpuUsage().user - user < 100_000; );
  });
  const elsewhere = await measure(() => promisify(pbkdf2)("password", "salt", 300_000, 64, "sha512"));
  assert.ok(busy.cpuMs >= 100);
  assert.ok(elsewhere.cpuMs > 0);
  if (process.platform !== "linux") return;
  assert.ok((busy.mainMs ?? 0) > busy.cpuMs / 2, `${busy.mainMs} of ${busy.cpuMs} ms`);
  assert.ok((elsewhere.mainMs ?? Number.NaN) < elsewhere.cpuMs / 2, `${elsewhere.mainMs} of ${elsewhere.cpuMs} ms`);
});
