import { describe, expect, it } from "vitest";
import { systemClock } from "../../lib/vault/clock.ts";

describe("the clocks of a process", () => {
  it("ends a sleep with the reason of its signal, also one that aborted before", async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error("enough"));
    await expect(sleeping).rejects.toThrow("enough");
    await expect(systemClock.sleep(0, controller.signal)).rejects.toThrow("enough");
    await systemClock.sleep(0);
  });

  it("runs a work later, and not one that was cancelled", async () => {
    const ran: string[] = [];
    const cancel = systemClock.after(0, () => ran.push("cancelled"));
    await new Promise<void>((resolve) => {
      systemClock.after(1, () => {
        ran.push("kept");
        resolve();
      });
      cancel();
    });
    cancel();
    expect(ran).toEqual(["kept"]);
  });
});
