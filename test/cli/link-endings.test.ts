import { beforeEach, describe, expect, it } from "vitest";
import { identify, processTree, untilGone } from "../support/process-tree.ts";
import { useRig } from "../support/rig.ts";
import { LinkPlace } from "./support/link-place.ts";
import { useLinks } from "./support/link-project.ts";

const rig = useRig();
const startLink = useLinks();
let place: LinkPlace;

beforeEach(async () => {
  place = await LinkPlace.in(rig.folder());
});

describe("wa-vault link that is not finished", () => {
  it("ends when the browser is closed before a phone has linked", async () => {
    const running = place.link(startLink);
    await running.events.until("1 qr");
    await running.phone.closeBrowser().catch(() => {});
    expect(await running.end()).toBe(130);
    expect(running.stderr).toContain("CANCELLED: The browser was closed before a phone had linked it.");
    await place.mustBeAsBefore();
  });

  it("ends at a Ctrl-C, with its browser", async () => {
    const running = place.link(startLink);
    await running.events.until("1 qr");
    const children = processTree(running.child.pid ?? 0).map(identify);
    running.child.kill("SIGINT");
    expect(await running.end()).toBe(130);
    await Promise.all(children.map(untilGone));
    await place.mustBeAsBefore();
  });

  it("ends when no phone comes in time, which is no end by a person", async () => {
    const running = place.link(startLink, "--timeout", "1s");
    expect(await running.end()).toBe(4);
    expect(running.stderr).toContain("UNAVAILABLE: No phone has linked within 1 s.");
    await place.mustBeAsBefore();
  });

  it("stores nothing of a device that is removed again meanwhile", async () => {
    const running = place.link(startLink);
    await running.events.until("1 qr");
    const bringBack = await place.takeStoreAway();
    await running.phone.pair();
    await running.said("It is tried again until the store answers");
    await running.phone.unlink().catch(() => {});
    await running.events.until("1 disconnected");
    await bringBack();
    const code = await running.end();
    expect(running.stderr).toContain("DENIED:");
    expect(code).toBe(8);
    await place.mustBeAsBefore();
  });
});
