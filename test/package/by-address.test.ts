import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Project, peers, projectIn, root, run } from "../support/packed-package.ts";
import { scratchFolder } from "../support/scratch.ts";
import { type Service, startMongo, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

const folder = scratchFolder("by-address-");
let packed: Project;
beforeAll(async () => {
  packed = await projectIn(folder);
}, 650_000);

/** Installs these client libraries, and no others. */
function only(...names: string[]): void {
  for (const name of peers) rmSync(join(folder, "node_modules", name), { recursive: true, force: true });
  packed.provide(...names);
}

/** Runs a script in the project, which says one JSON. */
function said(script: string, env: Record<string, string> = {}): unknown {
  const args = ["--throw-deprecation", "--input-type=commonjs", "-e", `(async () => { ${script} })();`];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 240_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** What is said of addresses, by the address. */
function errorsOf(addresses: readonly string[]): Record<string, unknown> {
  return said(`
    const { storeFromUrl } = require("wa-vault");
    const errors = {};
    for (const address of ${JSON.stringify(addresses)}) {
      const { code, message, hint } = await storeFromUrl(address).catch((error) => error);
      errors[address] = { code, message, hint };
    }
    console.log(JSON.stringify(errors));`) as Record<string, unknown>;
}

/** A package of this name and version that does nothing. */
function fake(name: string, version: string): void {
  const place = join(folder, "node_modules", name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "package.json"), JSON.stringify({ name, version, main: "index.js" }));
  writeFileSync(join(place, "index.js"), "throw new Error('An old library is not loaded.');");
}

const SCHEMES: [address: string, needs: string, install: string][] = [
  ["s3://bucket?region=us-east-1", "`@aws-sdk/client-s3`", "@aws-sdk/client-s3"],
  ["mongodb://u:hush@host/db", "`mongodb` or `mongoose`", "mongodb"],
  ["mongodb+srv://u:hush@host/db", "`mongodb` or `mongoose`", "mongodb"],
  ["redis://:hush@host", "`ioredis` or `redis`", "ioredis"],
  ["rediss+cluster://:hush@host", "`ioredis` or `redis`", "ioredis"],
  ["postgres://u:hush@host/db", "`pg`", "pg"],
];

describe("the package without client libraries", () => {
  let errors: Record<string, unknown>;
  beforeAll(() => {
    only();
    errors = errorsOf(SCHEMES.map(([address]) => address));
  });

  it.each(SCHEMES)("says what %s needs, and how it is installed", (address, needs, install) => {
    expect(errors[address]).toEqual({
      code: "INVALID",
      message: expect.stringContaining(`needs ${needs}, which is not installed.`),
      hint: `Install it: \`npm install ${install}\`. With npx: \`npx --package=wa-vault --package=${install} wa-vault …\`.`,
    });
  });

  it("has a store in a directory, by `import` and by `require`", () => {
    only();
    const script = `
      const required = require("wa-vault").storeFromUrl;
      const { storeFromUrl } = await import("wa-vault");
      const store = await storeFromUrl("file:./sessions");
      console.log(JSON.stringify([required === storeFromUrl, store.address, await store.sessionExists({ session: "RemoteAuth" })]));`;
    expect(said(script)).toEqual([true, "file:./sessions", false]);
  });

  it.each([
    ["@aws-sdk/client-s3", "3.600.0", "s3://bucket?region=us-east-1", "3.635 or newer is needed"],
    ["mongodb", "5.9.2", "mongodb://host/db", "6 or newer is needed"],
    ["mongoose", "7.8.0", "mongodb://host/db", "8 or newer is needed"],
    ["ioredis", "4.30.0", "redis://host", "5 or newer is needed"],
    ["redis", "4.7.1", "redis://host", "5 or newer is needed"],
    ["pg", "7.18.2", "postgres://host/db", "8 or newer is needed"],
  ])("says that %s %s is too old", (name, version, address, least) => {
    only();
    fake(name, version);
    expect(errorsOf([address])[address]).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(`\`${name}\` ${version} is installed, and ${least}.`),
      hint: expect.stringMatching(/^Update it: `npm install .*@latest`\.$/),
    });
  });
});

describe("the entry of the package", () => {
  it("loads no client library and nothing of the command, and a scheme loads only its own", () => {
    only("@aws-sdk/client-s3", "mongodb", "ioredis", "pg", "redis");
    const script = `
      const loaded = () => Object.keys(require.cache).map((path) => path.split("node_modules/").pop().split("/"))
        .map(([scope, name]) => (scope.startsWith("@") ? scope + "/" + name : scope));
      const known = ${JSON.stringify([...peers, "commander", "uqr"])};
      const { storeFromUrl } = require("wa-vault");
      const before = known.filter((name) => loaded().includes(name));
      const store = await storeFromUrl("redis://127.0.0.1:1");
      await store.close();
      console.log(JSON.stringify({ before, after: known.filter((name) => loaded().includes(name)) }));`;
    expect(said(script)).toEqual({ before: [], after: ["ioredis"] });
  });
});

describe("the command of the package", () => {
  const installed = join(folder, "node_modules/wa-vault");

  it("can be run where it is unpacked to", () => {
    const lines = run("tar", ["-tvzf", packed.tarball], folder).split("\n");
    expect(lines.find((line) => line.endsWith("dist/cli/main.js"))).toMatch(/^-rwxr-xr-x/);
    expect(statSync(join(installed, "dist/cli/main.js")).mode & 0o111).toBe(0o111);
    expect(readFileSync(join(installed, "dist/cli/main.js"), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it("has a help and a version without any client library, also by npx", () => {
    only();
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const bin = join(folder, "node_modules/.bin/wa-vault");
    expect(run(bin, ["--version"], folder)).toBe(`${version}\n`);
    expect(run(bin, ["--help"], folder)).toMatch(/^Usage: wa-vault /);
    expect(run("npx", ["--no-install", "wa-vault", "ls", "--help"], folder)).toContain("Examples:");
    const { status, stderr } = spawnSync(bin, ["ls", "--store", "redis://host"], { cwd: folder, encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain("npm install ioredis");
  });

  it("is found through a link to it, as global installations make one", () => {
    const link = join(folder, "link");
    if (!existsSync(link)) symlinkSync(join(installed, "dist/cli/main.js"), link);
    expect(run(link, ["--help"], folder)).toMatch(/^Usage: wa-vault /);
  });
});

/** Saves, reads, closes, and ends by itself. */
const SAVES = `
  const { storeFromUrl } = require("wa-vault");
  const store = await storeFromUrl();
  const records = await store.openRecords({ session: "Baileys-packed" });
  await records.set(new Map([["creds", Buffer.from("kept")]]));
  await records.close();
  const kept = await store.peekRecords({ session: "Baileys-packed" });
  await store.close();
  console.log(JSON.stringify(kept.get("creds").toString()));`;

await suiteWith<Service>("MongoDB", shared(startMongo), ({ env: { MONGODB_URI = "" } }) => {
  it.each([["mongodb"], ["mongoose"], ["mongodb", "mongoose"]])("is a store by its address with %s %s", (...names) => {
    only(...names.filter(Boolean));
    expect(said(SAVES, { WA_VAULT_STORE: `${MONGODB_URI}?collection=${unique()}` })).toBe("kept");
  });
});

await suiteWith<Service>("Redis", shared(startRedis), ({ env: { REDIS_URL = "" } }) => {
  it.each([["ioredis"], ["redis"], ["ioredis", "redis"]])("is a store by its address with %s %s", (...names) => {
    only(...names.filter(Boolean));
    expect(said(SAVES, { WA_VAULT_STORE: `${REDIS_URL}?prefix=${unique()}:` })).toBe("kept");
  });
});
