import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { fileSystemProblem, memoryCheck } from "../../cli/doctor/machine-checks.ts";
import { installedPackage, isAtLeast, leastOf, ownPackage } from "../../cli/doctor/package-facts.ts";
import { systemClock } from "../../lib/vault/clock.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { type FakeS3Faults, startFakeS3 } from "./support/fake-s3.ts";
import { widest } from "./support/lines.ts";
import { type CliResult, runCli } from "./support/run-cli.ts";

const folder = useFolder();
const KEY = { WA_VAULT_KEY: testKey(1).toString("base64") };
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "fake",
  AWS_SECRET_ACCESS_KEY: "fake",
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
};
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  // A browser that tells its version, so that no test depends on what is installed.
  env = { PUPPETEER_EXECUTABLE_PATH: await program("#!/bin/sh\necho Chromium 156.0.8078.73\n") };
});

async function program(text: string): Promise<string> {
  const path = join(folder(), "chromium");
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

interface Told {
  readonly store: string | null;
  readonly good: boolean;
  readonly checks: readonly { name: string; level: string; found: string; todo?: string }[];
}

async function doctor(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CliResult & { told: Told }> {
  const result = await runCli(["doctor", "--json", ...args], { env: { ...env, ...more } });
  return { ...result, told: result.json() };
}

/** The names of what is not good. */
function wrong({ told }: { told: Told }): string[] {
  return told.checks.filter(({ level }) => level !== "good").map(({ name, level }) => `${level} ${name}`);
}

async function save(directory: string, session: string, options: object = {}): Promise<void> {
  const store = new FileStore({ directory, ...options });
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(profileFiles("x")) });
  await lease.release();
}

describe.skipIf(process.platform === "win32")("wa-vault doctor", () => {
  it("looks at this machine, and at a store that is named", async () => {
    const machine = await doctor([]);
    expect(machine.code).toBe(0);
    expect(machine.told).toMatchObject({ store: null, good: true });
    const names = machine.told.checks.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["Node.js", "whatsapp-web.js", "Chromium", "temporary files", "memory"]),
    );
    const directory = join(folder(), "sessions");
    const found = await doctor(["--store", `file:${directory}`]);
    expect(found).toMatchObject({ code: 0, stderr: "", told: { store: `file:${directory}`, good: true } });
    expect(found.told.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "list the sessions",
        "write",
        "delete",
        "leases",
        "largest value",
        "clocks",
        "encryption",
      ]),
    );
    const left: string[] = [];
    for await (const { key } of new FileBlobs({ directory }).list("_vault/")) left.push(key);
    expect(left).toEqual([]);
  });

  it("prints checks for people, in 40 columns too", async () => {
    const directory = folder();
    for (const columns of [40, 100]) {
      const { code, stdout, stderr } = await runCli(["doctor", "--store", `file:${directory}`], {
        env: { ...env, NO_COLOR: "1" },
        columns,
      });
      expect(code).toBe(0);
      expect(stdout.replaceAll(/\s+/g, " ")).toContain("Chromium 156.0.8078.73");
      expect(stdout).toMatch(/^good {5}clocks:/m);
      if (columns === 100) expect(widest(stdout)).toBeLessThanOrEqual(100);
      // Paths have no blanks to break a line at.
      const breakable = stdout.split("\n").filter((line) => line.trim().includes(" ") && !line.includes("/"));
      expect(Math.max(...breakable.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(stderr).not.toMatch(/error|warning/i);
    }
    const alone = await runCli(["doctor"], { env });
    expect(alone.stderr).toContain("No store is named");
  });

  it("names a folder that cannot be written to", async () => {
    // Not even root may: no depending on who runs the tests.
    const readOnly = await doctor(["--store", "file:/sys/wa-vault-test", "--data-path", "/sys/wa-vault-test"]);
    expect(readOnly.code).toBe(8);
    expect(wrong(readOnly)).toEqual(expect.arrayContaining(["bad data path", "bad write"]));
    expect(readOnly.stderr).toContain("DENIED");
    const good = await doctor(["--data-path", join(folder(), "not", "there", "yet")]);
    expect(wrong(good)).not.toContain("bad data path");
  });

  it("tells a server that is away in a moment, with exit code 4", async () => {
    const found = await doctor([], { WA_VAULT_STORE: `postgres://bot:secret-word@127.0.0.1:${CLOSED_PORT}/db` });
    expect(found.code).toBe(4);
    expect(found.told.checks.at(-1)).toMatchObject({ name: "list the sessions", level: "bad" });
    expect(found.told.checks.at(-1)?.todo).toBeDefined();
    expect(found.stdout + found.stderr).not.toContain("secret-word");
  });

  it("tells an address that is wrong beside all else", async () => {
    const found = await doctor(["--store", "ftp://host/x"]);
    expect(found.code).toBe(2);
    expect(wrong(found)).toContain("bad open");
    expect(found.told.checks.length).toBeGreaterThan(5);
  });

  it("tells whether the key opens what is there, what is not encrypted, and what is damaged", async () => {
    const directory = join(folder(), "sessions");
    const address = ["--store", `file:${directory}`];
    await save(directory, "RemoteAuth-locked", { encryption: { key: testKey(1) } });
    const without = await doctor(address);
    expect(without.code).toBe(7);
    expect(wrong(without)).toEqual(["bad encryption"]);
    const other = await doctor(address, { WA_VAULT_KEY: testKey(2).toString("hex") });
    expect(wrong(other)).toEqual(["bad encryption"]);
    expect(wrong(await doctor(address, KEY))).toEqual([]);
    await save(directory, "RemoteAuth-plain");
    const mixed = await doctor(address, KEY);
    expect(mixed.code).toBe(0);
    expect(wrong(mixed)).toEqual(["warning encryption"]);
    expect(mixed.stdout).toContain("1 of 2 sessions are not encrypted: RemoteAuth-plain");
    const blobs = new FileBlobs({ directory });
    for await (const { key } of blobs.list("RemoteAuth-plain/log/")) await blobs.put(key, Buffer.from("torn"));
    const torn = await doctor(address, KEY);
    expect(torn.code).toBe(5);
    expect(wrong(torn)).toEqual(["bad RemoteAuth-plain"]);
  });

  it("tells processes that do not renew their leases", async () => {
    const directory = join(folder(), "sessions");
    const long = Date.now() - 3_600_000;
    const killed = new Vault(
      { blobs: new FileBlobs({ directory }) },
      { clock: { ...systemClock, wallMs: () => long } },
    );
    const lease = await killed.acquire({ session: "RemoteAuth-x" });
    const found = await doctor(["--store", `file:${directory}`]);
    expect(wrong(found)).toEqual(["warning processes"]);
    await lease.release();
  });

  it("names a browser that is missing, does not start, or lacks a library", async () => {
    const missing = await doctor([], { PUPPETEER_EXECUTABLE_PATH: "/nowhere/chrome" });
    expect(missing.code).toBe(2);
    expect(wrong(missing)).toEqual(["bad Chromium"]);
    const broken = await program(
      "#!/bin/sh\necho 'chrome: error while loading shared libraries: libnss3.so: cannot open' >&2\nexit 127\n",
    );
    const found = await doctor([], { PUPPETEER_EXECUTABLE_PATH: broken });
    expect(found.told.checks.find(({ name }) => name === "Chromium")?.found).toContain("libnss3.so is missing");
  });

  it("knows folders on other hosts, and the memory of a container", () => {
    expect(fileSystemProblem(0x6969)).toContain("NFS");
    expect(fileSystemProblem(0xff534d42 | 0)).toContain("CIFS");
    expect(fileSystemProblem(0x65735546)).toContain("FUSE");
    expect(fileSystemProblem(0xef53)).toBeUndefined();
    expect(memoryCheck(16e9, 256e6)).toMatchObject({ level: "warning", found: expect.stringContaining("256 MB") });
    for (const limit of [undefined, 0, 2 ** 63]) expect(memoryCheck(16e9, limit)).toMatchObject({ level: "good" });
  });

  it("knows versions", async () => {
    expect(isAtLeast("v20.19.0", "20.19")).toBe(true);
    expect(isAtLeast("20.9.1", "20.19")).toBe(false);
    expect(isAtLeast("7.0.0-rc14", "6.7.0")).toBe(true);
    expect(leastOf(">=6.7.0 || ^7.0.0-0")).toBe("6.7.0");
    const bot = folder();
    await mkdir(join(bot, "node_modules", "ioredis"), { recursive: true });
    await writeFile(join(bot, "node_modules", "ioredis", "package.json"), '{ "name": "ioredis", "version": "4.28.5" }');
    expect(installedPackage("ioredis", bot)?.version).toBe("4.28.5");
    expect(installedPackage("no-such-package", bot)).toBeUndefined();
    expect(ownPackage().name).toBe("wa-vault");
  });

  describe("on S3", () => {
    const before = { ...process.env };
    beforeAll(() => Object.assign(process.env, CREDENTIALS));
    afterAll(() => {
      for (const name of Object.keys(CREDENTIALS)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    });
    const on = async (faults: FakeS3Faults) => {
      const server = await startFakeS3(faults);
      onTestFinished(() => server.stop());
      return { server, found: await doctor(["--store", server.address]) };
    };

    it("finds a bucket good", async () => {
      const { found, server } = await on({});
      expect(found.code).toBe(0);
      expect(wrong(found)).toEqual([]);
      expect([...server.objects.keys()].filter((key) => key.includes("probe"))).toEqual([]);
    });

    it("names a bucket that does not exist, and credentials that are refused", async () => {
      const absent = await on({ error: { code: "NoSuchBucket", status: 404 } });
      expect(absent.found.code).not.toBe(0);
      expect(absent.found.stdout).toContain("NoSuchBucket");
      expect(absent.found.stdout).toContain("Create the bucket");
      const refused = await on({ error: { code: "InvalidAccessKeyId", status: 403 } });
      expect(refused.found.code).toBe(8);
    });

    it.each([
      ["DELETE", "s3:DeleteObject", ["delete"]],
      ["PUT", "s3:PutObject", ["write"]],
      ["LIST", "s3:ListBucket", ["list the sessions", "list what was written"]],
    ])("names the right that is missing for %s", async (method, right, names) => {
      const { found, server } = await on({ denied: [method] });
      expect(found.code).toBe(8);
      expect(wrong(found).filter((one) => one.startsWith("bad"))).toEqual(names.map((name) => `bad ${name}`));
      expect(found.stdout).toContain(right);
      const left = [...server.objects.keys()].filter((key) => key.includes("probe"));
      expect(left).toEqual(method === "DELETE" ? ["bots/_vault/probe/kept"] : []);
    });

    it("finds a server out that ignores If-None-Match, and one whose clock is wrong", async () => {
      const { found } = await on({ ignoresCondition: true });
      expect(wrong(found)).toEqual(["warning leases"]);
      expect(found.stdout).toContain("does not honour `If-None-Match: *`");
      const ahead = await on({ aheadMs: 3_600_000 });
      expect(wrong(ahead.found)).toEqual(["bad clocks"]);
    });
  });
});
