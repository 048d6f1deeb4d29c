import { beforeEach, describe, expect, it } from "vitest";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { endRenewals } from "../support/leases.ts";
import { expectWarning } from "../support/warnings.ts";
import { runCli } from "./support/run-cli.ts";
import { saveBrowser, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "RemoteAuth-support";
const TTL_MS = 1_200;

beforeEach(async () => {
  await saveBrowser(places.main.store(), session, [{ value: "1" }]);
});

const cli = (...args: string[]) => runCli(["unlock", ...args, "--store", places.main.address]);

/** A store on another host, whose leases last `ttlMs`. */
function elsewhere(ttlMs: number): Vault {
  const blobs = new FileBlobs({ directory: places.main.directory });
  const owner = { host: "old-container", pid: 17, boot: "another boot" };
  const processes = { self: async () => owner, isGone: async () => false };
  return new Vault({ blobs, leaseTtlMs: ttlMs }, { processes });
}

describe("wa-vault unlock", () => {
  it("ends a lease whose host is gone", async () => {
    await elsewhere(TTL_MS).acquire({ session });
    endRenewals();
    const { code, stdout } = await cli("support", "--yes");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Unlocked ${session}: a bot can take it now.\n` });
    const store = places.main.store();
    expect((await store.state({ session }))?.lease).toBeUndefined();
    await (await store.acquire({ session })).release();
  });

  it("shows who has it, since when and until when, and asks", async () => {
    await elsewhere(60_000).acquire({ session });
    endRenewals();
    const asked = await runCli(["unlock", "support", "--store", places.main.address], { columns: 80, input: "n\n" });
    expect(asked.code).toBe(130);
    expect(asked.stderr).toMatch(
      /Host old-container, process 17, has it since \d{4}-.* UTC; the lease ends in \d+ s unless it is renewed\. /,
    );
    const told = await cli("support", "--dry-run", "--json");
    expect(told.json()).toMatchObject({ dryRun: true, lease: { owner: "old-container:17", ttlMs: 60_000 } });
    expect((await places.main.store().state({ session }))?.lease).toMatchObject({ owner: "old-container:17" });
  });

  it("refuses while the lease is renewed: a bot that is alive would be thrown out", async () => {
    const lease = await elsewhere(TTL_MS).acquire({ session });
    const { code, stderr } = await cli("support", "--yes");
    expect(code).toBe(6);
    expect(stderr).toMatch(/old-container:17 is running[\s\S]*a bot that is alive would be thrown out/);
    expect(lease.lost.aborted).toBe(false);
    await lease.release();
  });

  it("looks for all of the lease's time: a bot that was paused for half of it is alive", async () => {
    const ttlMs = 3_000;
    const began = performance.now();
    await elsewhere(ttlMs).acquire({ session });
    endRenewals();
    expect(await cli("support", "--yes")).toMatchObject({ code: 0 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(ttlMs);
  });

  it("spares a bot that has come after the one that was shown", async () => {
    const gone = await elsewhere(60_000).acquire({ session });
    endRenewals();
    const store = places.main.store();
    const shown = (await store.facts({ session }))?.lease;
    await gone.release();
    const lease = await elsewhere(60_000).acquire({ session });
    await expect(store.breakLease({ session, holder: { ...shown } })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect((await store.state({ session }))?.lease).toMatchObject({ owner: "old-container:17" });
    await lease.release();
  });

  it("ends the lease of a process of this machine that has ended, at once", async () => {
    const { spawnSync } = await import("node:child_process");
    const code = `
      const { FileStore } = await import(${JSON.stringify(new URL("../../adapters/fs/index.ts", import.meta.url).href)});
      await new FileStore({ directory: ${JSON.stringify(places.main.directory)} }).acquire({ session: "${session}" });
      process.kill(process.pid, "SIGKILL");`;
    const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", code];
    expect(spawnSync(process.execPath, args).signal).toBe("SIGKILL");
    expect(await cli("support", "--yes")).toMatchObject({ code: 0 });
  });

  it("does nothing where nobody has the session", async () => {
    const entry = (await places.main.store().state({ session }))?.entry;
    const { code, stdout } = await cli("support");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Nobody has ${session}: a bot can take it.\n` });
    expect((await cli("support", "--json")).json()).toMatchObject({ session, unchanged: true });
    expect((await places.main.store().state({ session }))?.entry).toBe(entry);
  });

  it("of a session that is not there is ABSENT", async () => {
    expect(await cli("suport", "--yes")).toMatchObject({ code: 3, stderr: expect.stringContaining(session) });
  });
});

expectWarning(/Waiting up to/);
