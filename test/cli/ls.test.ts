import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { systemClock } from "../../lib/vault/clock.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import type { LeaseOwner } from "../../lib/vault/lease/owner.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { widest } from "./support/lines.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
let directory: string;
let address: string;

beforeEach(async () => {
  directory = join(folder(), "sessions");
  address = `file:${directory}`;
  const store = new FileStore({ directory });
  for (const session of ["RemoteAuth-support", "RemoteAuth-sales"]) await save(store, session);
});

async function save(store: Vault, session: string): Promise<number> {
  const lease = await store.acquire({ session });
  const { generation } = await store.saveProfile({ session, capture: captureOf(profileFiles(session)), lease });
  await lease.release();
  return generation;
}

describe("wa-vault ls", () => {
  it("lists the sessions of a store, by name", async () => {
    const { code, stdout, stderr } = await runCli(["ls", "--store", address]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [titles, ...rows] = stdout.trimEnd().split("\n");
    expect(titles).toMatch(/^SESSION +KIND +SAVED +SIZE +GEN$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      ["RemoteAuth-sales", "browser"],
      ["RemoteAuth-support", "browser"],
    ]);
  });

  it("fits into a narrow terminal, and cuts nothing off", async () => {
    const { code, stdout } = await runCli(["ls", "--store", address], { columns: 40 });
    expect(code).toBe(0);
    expect(widest(stdout)).toBeLessThanOrEqual(40);
    expect(stdout).toContain("RemoteAuth-support\n  kind: browser\n");
  });

  it("prints JSON for scripts", async () => {
    const { json } = await runCli(["ls", "--store", address, "--json"]);
    expect(json()).toMatchObject({
      store: address,
      sessions: [{ session: "RemoteAuth-sales", kind: "profile" }, { session: "RemoteAuth-support" }],
    });
  });

  it("tells which process has a session, with its host and for how long", async () => {
    const lease = await new FileStore({ directory }).acquire({ session: "RemoteAuth-sales" });
    const { stdout } = await runCli(["ls", "--store", address]);
    expect(stdout).toMatch(new RegExp(`RemoteAuth-sales .* ${hostname()}:${process.pid}, for \\d+ s`));
    await lease.release();
    expect((await runCli(["ls", "--store", address])).stdout).not.toContain("HELD BY");
  });

  it("tells a process that has ended without giving its session back", async () => {
    const blobs = new FileBlobs({ directory });
    const long = Date.now() - 3_600_000;
    const killed = new Vault({ blobs }, { clock: { ...systemClock, wallMs: () => long } });
    const lease = await killed.acquire({ session: "RemoteAuth-sales" });
    const { stdout } = await runCli(["ls", "--store", address]);
    expect(stdout).toMatch(/RemoteAuth-sales .*:\d+, silent for 59 min/);
    await lease.release();
  });

  it("shows deleted sessions with how long they can come back, and names of which nothing is stored on request", async () => {
    const store = new FileStore({ directory });
    await store.delete({ session: "RemoteAuth-sales", retainMs: 3_600_000 * 5 });
    await store.delete({ session: "RemoteAuth-support", retainMs: 0 });
    const { stdout, stderr, code } = await runCli(["ls", "--store", address], { columns: 200 });
    expect(code).toBe(0);
    expect(stdout).toContain("\u001b[2mRemoteAuth-sales");
    expect(stdout).toMatch(/RemoteAuth-sales.*deleted .*, can be undeleted for 5 h/);
    expect(stdout).not.toContain("support");
    expect(stderr).toContain("1 name of which nothing is stored is not shown");
    const all = await runCli(["ls", "--store", address, "--all"]);
    expect(all.stdout).toMatch(/RemoteAuth-support .*deleted for good/);
    expect(all.stderr).toBe("");
  });

  it("shows a session that cannot be read in its row, and all others", async () => {
    const n = await save(new FileStore({ directory, encryption: { key: testKey(1) } }), "RemoteAuth-locked");
    await save(new FileStore({ directory }), "RemoteAuth-torn");
    const blobs = new FileBlobs({ directory });
    for await (const { key } of blobs.list("RemoteAuth-torn/log/")) await blobs.put(key, Buffer.from("torn"));
    const { stdout, code } = await runCli(["ls", "--store", address]);
    // A listing that tells what it has found is done: `verify` has an exit code for what is damaged.
    expect(code).toBe(0);
    expect(stdout).toMatch(/RemoteAuth-locked +cannot be read \(WRONG_KEY\)/);
    expect(stdout).toMatch(/RemoteAuth-torn +cannot be read \(CORRUPT\)/);
    expect(stdout).toMatch(/RemoteAuth-sales +browser/);
    const { sessions } = (await runCli(["ls", "--store", address, "--json"])).json<{ sessions: object[] }>();
    expect(sessions).toContainEqual({
      session: "RemoteAuth-torn",
      problem: { code: "CORRUPT", message: expect.stringContaining("RemoteAuth-torn"), hint: expect.any(String) },
    });
    const env = { WA_VAULT_KEY: testKey(1).toString("base64") };
    const open = await runCli(["ls", "--store", address, "--long"], { env });
    expect(open.stdout).toMatch(/RemoteAuth-locked .*key [0-9a-f]{16}/);
    expect(await blobs.get(entryKey("RemoteAuth-locked", n))).toBeDefined();
  });

  it("tells more of each session on request, in any width", async () => {
    const { stdout } = await runCli(["ls", "--store", address, "--long"]);
    expect(stdout).toMatch(/KEPT +CHANGED +LINKED/);
    const narrow = await runCli(["ls", "--store", address, "-l"], { columns: 40 });
    expect(narrow.stdout).toContain("\n  kept: 1\n");
    expect(widest(narrow.stdout)).toBeLessThanOrEqual(40);
  });

  it("prints names only, with one listing", async () => {
    expect((await runCli(["ls", "--store", address, "--names"])).stdout).toBe("RemoteAuth-sales\nRemoteAuth-support\n");
    expect((await runCli(["ls", "--store", address, "--names", "--json"])).json()).toEqual({
      store: address,
      names: ["RemoteAuth-sales", "RemoteAuth-support"],
    });
  });

  it("tells a directory that does not exist from one without sessions", async () => {
    const empty = await runCli(["ls", "--store", `file:${folder()}`]);
    expect(empty).toMatchObject({ code: 0, stdout: "" });
    expect(empty.stderr).toMatch(/has no sessions/);
    await rm(directory, { recursive: true });
    for (const option of ["--long", "--names"]) {
      const { code, stdout, stderr } = await runCli(["ls", option, "--store", address]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
      expect(stderr).toContain(`There is no directory ${directory}`);
    }
    await writeFile(directory, "a file in the place of the directory");
    expect((await runCli(["ls", "--store", address])).code).toBe(4);
  });

  it("neither obeys nor misplaces names of hosts that others have written", async () => {
    const store = new Vault(
      { blobs: new FileBlobs({ directory }) },
      {
        processes: {
          self: async () => ({ host: "\u001b[31m会社-📱\u202e", pid: 7 }) as LeaseOwner,
          isGone: async () => false,
        },
      },
    );
    const lease = await store.acquire({ session: "RemoteAuth-sales" });
    const { stdout } = await runCli(["ls", "--store", address]);
    expect(stdout).toContain("\ufffd[31m会社-📱\ufffd:7, for");
    const narrow = await runCli(["ls", "--store", address], { columns: 40, env: { NO_COLOR: "1" } });
    expect(narrow.stdout).not.toContain("\u001b");
    await lease.release();
  });
});
