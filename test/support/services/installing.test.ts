// Installing the parts that the tests need, with package managers that fail: programs of that name come first on the
// PATH.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { identify } from "../../../lib/disk/process-id.ts";
import { aptInstall } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { script, useFakePrograms } from "./fake-programs.ts";
import { goProgram } from "./go.ts";
import { exclusively, lockFile } from "./lock.ts";
import { obtain, ServiceMissing } from "./programs.ts";

const fakes = useFakePrograms();

/** A shell script on the PATH. It notes how it was called, and `$calls` counts the calls of this program so far. */
function program(name: string, text: string): void {
  const note = `echo "${name} $*" >> "$FOLDER/calls"; calls=$(grep -c "^${name} " "$FOLDER/calls")`;
  script(join(fakes.folder, "bin", name), `${note}\n${text}`);
}

/** The lines of a script that installs the program `tool`. */
const bringsTool = 'printf "#!/bin/sh\\n" > "$FOLDER/bin/tool"; chmod +x "$FOLDER/bin/tool"';

describe("a lock", () => {
  it("lets in one at a time", async () => {
    let inside = 0;
    const seen: number[] = [];
    const work = async (): Promise<void> => {
      seen.push(++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => exclusively("work", work)));
    expect(seen).toEqual([1, 1, 1]);
    expect(readdirSync(cacheDirectory())).toEqual([]);
  });

  it("is given back when the work fails", async () => {
    await expect(exclusively("work", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await exclusively("work", async () => "done")).toBe("done");
  });

  it.each([
    ["a process that has ended", () => ({ pid: spawnSync("true").pid })],
    ["a process whose number another one has now", async () => ({ ...(await identify(process.pid)), startedAt: "1" })],
    ["an unknown process: the file is torn", () => "{"],
  ])("is taken over from %s", async (_name, owner) => {
    const value = await owner();
    writeFileSync(lockFile("work"), typeof value === "string" ? value : JSON.stringify(value));
    expect(await exclusively("work", async () => "done")).toBe("done");
    expect(readdirSync(cacheDirectory())).toEqual([]);
  });

  it("has a place also where the home directory cannot be written to", () => {
    vi.stubEnv("XDG_CACHE_HOME", "/dev/null");
    vi.stubEnv("TMPDIR", fakes.folder);
    expect(cacheDirectory().startsWith(fakes.folder)).toBe(true);
  });
});

describe.runIf(process.getuid?.() === 0)("installing Debian packages", () => {
  const install = (): Promise<string> => aptInstall(["tools"], "tool", { pauseMs: 1 });
  const verbs = (): string[] => fakes.calls().map((call) => call.split(" ").slice(0, 2).join(" "));

  it("waits for whoever has apt's locks, and brings the lists up to date once", async () => {
    program("apt-get", `test "$1" = update || { ${bringsTool}; }`);
    expect(await install()).toBe(join(fakes.folder, "bin", "tool"));
    expect(await install()).toBe(join(fakes.folder, "bin", "tool"));
    expect(verbs()).toEqual(["apt-get update", "apt-get install", "apt-get install"]);
    expect(fakes.calls()[1]).toMatch(/^apt-get install -y .*DPkg::Lock::Timeout=\d{3}.* tools$/);
  });

  it("tries again what failed, with new lists", async () => {
    const locked = 'echo "E: Could not get lock" >&2; exit 100';
    program("apt-get", `case "$1 $calls" in "install 4") ${bringsTool};; *) ${locked};; esac`);
    expect(await install()).toBe(join(fakes.folder, "bin", "tool"));
    expect(verbs()).toEqual(["apt-get update", "apt-get install", "apt-get update", "apt-get install"]);
  });

  it("finishes what was interrupted first", async () => {
    program("dpkg", 'touch "$FOLDER/configured"');
    const interrupted = "echo \"E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\" >&2; exit 100";
    program(
      "apt-get",
      `test "$1" = update && exit 0; test -e "$FOLDER/configured" || { ${interrupted}; }; ${bringsTool}`,
    );
    await install();
    expect(fakes.calls()).toContain("dpkg --configure -a");
  });

  it("says what apt said last when it gives up", async () => {
    program("apt-get", 'echo "E: Unable to locate package tools" >&2; exit 100');
    await expect(install()).rejects.toThrow("apt-get install tools: E: Unable to locate package tools");
    expect(verbs().filter((verb) => verb === "apt-get install").length).toBeGreaterThan(2);
  });

  it("does one thing at a time, whoever asks", async () => {
    const exclusive = 'mkdir "$FOLDER/busy" || { touch "$FOLDER/clash"; exit 100; }; sleep 0.05; rmdir "$FOLDER/busy"';
    program("apt-get", `${exclusive}; ${bringsTool}`);
    await Promise.all([install(), install(), install()]);
    expect(existsSync(join(fakes.folder, "clash"))).toBe(false);
  });
});

describe("building a Go program", () => {
  const source = () => goProgram({ program: "served", module: "example.test/served/cmd/main@v1.2.3", go: 24 });
  const installs = `case "$1" in version) echo "go version go1.24.8 linux/amd64"; exit 0;; esac
    mkdir -p "$GOBIN" && printf "#!/bin/sh\\n" > "$GOBIN/main"`;

  it("tries again, once for all who want it, and keeps the version that was asked for", async () => {
    program(
      "go",
      `test "$1" = install && test $calls -lt 3 && { echo "read: connection reset" >&2; exit 1; }; ${installs}`,
    );
    mkdirSync(join(cacheDirectory(), "build-served-1"), { recursive: true });
    expect(source().cached()).toBeUndefined();
    const built = await Promise.all([source().bring(), source().bring()]);
    const target = join(cacheDirectory(), "served@v1.2.3");
    expect(built).toEqual([target, target]);
    expect(source().cached()).toBe(target);
    expect(fakes.calls().filter((call) => call.startsWith("go install"))).toHaveLength(2);
    expect(readdirSync(cacheDirectory())).toEqual(["served@v1.2.3"]);
  });

  it("says what Go said last when it gives up, and leaves nothing", async () => {
    program("go", `test "$1" = install && { echo "dial tcp: lookup failed" >&2; exit 1; }; ${installs}`);
    await expect(source().bring()).rejects.toThrow(/example\.test.*: dial tcp: lookup failed/);
    expect(readdirSync(cacheDirectory())).toEqual([]);
  });

  it("does not begin with a Go that is too old", async () => {
    program("go", 'echo "go version go1.19.8 linux/amd64"');
    await expect(source().bring()).rejects.toThrow(/built with Go 1\.24 or newer, and .* is 1\.19/);
  });
});

describe("obtaining a program", () => {
  const ways = {
    program: "tool",
    image: { image: "example.test/tool:1" },
    source: { cached: () => undefined, bring: () => Promise.reject(new Error("no registry")) },
    hint: "Install tool.",
  };
  const docker = (script: string): void => program("docker", `case "$1 $2" in ${script} esac`);

  it("takes what is installed before anything else", async () => {
    docker("*) exit 0;;");
    program("tool", "");
    expect((await obtain(ways)).way).toBe(`tool: ${join(fakes.folder, "bin", "tool")}`);
    expect(fakes.calls()).toEqual([]);
  });

  it("goes on to the registry where Docker has no such image, and says what is missing", async () => {
    vi.resetModules();
    const fresh = await import("./programs.ts");
    docker('"info ") exit 0;; *) exit 1;;');
    const missing = fresh.obtain(ways);
    await expect(missing).rejects.toThrow("tool is missing (no registry). Install tool.");
    await expect(missing).rejects.toBeInstanceOf(fresh.ServiceMissing);
    expect(ServiceMissing.name).toBe("ServiceMissing");
    expect(fakes.calls()).toContain("docker pull --quiet example.test/tool:1");
  });
});
