import { existsSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import { captureOf, linkedProfileFiles, profileFiles } from "../contract/profile.ts";
import { useRig } from "../support/rig.ts";
import { argumentsOf } from "./support/commands.ts";
import { LinkPlace, session } from "./support/link-place.ts";
import { useLinks } from "./support/link-project.ts";
import { runCli } from "./support/run-cli.ts";

const rig = useRig();
const startLink = useLinks();
let place: LinkPlace;

beforeEach(async () => {
  place = await LinkPlace.in(rig.folder());
});

describe("wa-vault link", () => {
  it("waits for a store that goes away, and stores the link then", async () => {
    const running = place.link(startLink);
    await running.events.until("1 qr");
    const bringBack = await place.takeStoreAway();
    await running.phone.pair();
    await running.said("It is tried again until the store answers");
    await bringBack();
    expect(await running.end()).toBe(0);
    expect((await place.store.state({ session }))?.current).toBeDefined();
    expect(await place.left()).toEqual([]);
  });

  it("keeps a link on this computer that it could not store, and says how it is stored", async () => {
    const running = place.link(startLink);
    await running.events.until("1 qr");
    const bringBack = await place.takeStoreAway();
    await running.phone.pair();
    await running.said("It is tried again until the store answers");
    running.child.kill("SIGINT");
    expect(await running.end()).toBe(130);
    await bringBack();
    const [, profile = "", line = ""] =
      /The profile is kept in (.+)\. Store it with: (wa-vault push .+ RemoteAuth-support .+)/.exec(running.stderr) ??
      [];
    expect(existsSync(profile)).toBe(true);
    expect(await probeCredentials(profile)).toMatchObject({ hasCredentials: true });
    expect((await place.store.state({ session }))?.current).toBeUndefined();
    // The line that was said, as a person copies it.
    const pushed = await runCli(argumentsOf(line) ?? []);
    expect(pushed).toMatchObject({ code: 0, stderr: "" });
    const stored = rig.folder();
    await place.store.restoreProfile({ session, into: stored });
    expect(await probeCredentials(stored)).toEqual(await probeCredentials(profile));
  });

  it("does not replace the session of another phone, and says how it is replaced", async () => {
    const lease = await place.store.acquire({ session });
    const earlier = captureOf(linkedProfileFiles("5511988887777"));
    const before = await place.store.saveProfile({ session, capture: earlier, lease });
    await lease.release();
    const running = place.link(startLink, "--replace");
    await running.events.until("1 qr");
    await running.phone.pair();
    expect(await running.end()).toBe(9);
    expect(running.stderr).toContain("is another phone than the one whose RemoteAuth-support is stored");
    expect((await place.store.state({ session }))?.current?.generation).toBe(before.generation);
    const line = /Store it with: (wa-vault push .+)/.exec(running.stderr)?.[1] ?? "";
    expect(line).toContain(" RemoteAuth-support --replace --other-phone --store ");
    expect(await runCli(argumentsOf(line) ?? [])).toMatchObject({ code: 0, stderr: "" });
    const state = await place.store.state({ session });
    expect(state?.current?.generation).toBeGreaterThan(before.generation);
    expect(state?.generations.map(({ generation }) => generation)).toContain(before.generation);
  });

  it("replaces a session when it is asked to, and keeps what was stored", async () => {
    const lease = await place.store.acquire({ session });
    const before = await place.store.saveProfile({ session, capture: captureOf(profileFiles("earlier")), lease });
    await lease.release();
    const refused = place.link(startLink);
    expect(await refused.end()).toBe(9);
    expect(refused.stderr).toContain(`${session} is linked and stored already`);
    expect(refused.events.seen).toEqual([]);

    const running = place.link(startLink, "--replace", "--json");
    await running.events.until("1 qr");
    await running.phone.pair();
    expect(await running.end()).toBe(0);
    expect(JSON.parse(running.stdout)).toMatchObject({ replaced: true });
    const state = await place.store.state({ session });
    expect(state?.current?.generation).toBeGreaterThan(before.generation);
    expect(state?.generations.map(({ generation }) => generation)).toContain(before.generation);
  });
});
