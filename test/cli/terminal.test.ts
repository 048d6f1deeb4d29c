import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { EXIT_CODES, exitCodeOf } from "../../cli/exit-codes.ts";
import { table } from "../../cli/terminal/table.ts";
import { cutTo, safeText, widthOf, wrap } from "../../cli/terminal/width.ts";
import { VaultError } from "../../lib/errors.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { exitOf } from "../support/child-exit.ts";
import { useFolder } from "../support/folder.ts";
import { findInstalled } from "../support/services/path.ts";
import { commandFolder } from "./support/command.ts";
import { argumentsOf, parse, visibleCommands } from "./support/commands.ts";
import { linesOf } from "./support/lines.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const commands = visibleCommands().map((command) => [command.name(), command] as const);
const ESCAPE = "\u001b";

describe.each(commands)("wa-vault %s", (name, command) => {
  it.each([40, 100])("has help that fits into %i columns", async (columns) => {
    const { code, stdout, stderr } = await runCli([name, "--help"], { columns });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // A call is not broken, because it is copied; a word is not either.
    const lines = linesOf(stdout).filter((line) => !line.startsWith("  $ "));
    for (const line of lines) if (/\S\s+\S/.test(line)) expect(line.length, line).toBeLessThanOrEqual(columns);
  });

  it("ends its help with examples that it takes, and belongs to a group", async () => {
    const { stdout } = await runCli([name, "--help"], { columns: 100 });
    const [, examples = ""] = stdout.split("\nExamples:\n");
    const calls = linesOf(examples).filter((line) => line.startsWith("  $ "));
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      const words = argumentsOf(call);
      expect(words?.[0], call).toBe(name);
      await parse(words ?? []).catch((error: Error) => expect.fail(`${call.trim()}: ${error.message}`));
    }
    expect(command.helpGroup()).toMatch(/^[A-Z]\w+:$/);
  });

  it("refuses an option that it does not have, for people and for programs", async () => {
    const told = await runCli([name, "--no-such-option"]);
    expect(told).toMatchObject({ code: 2, stdout: "" });
    expect(told.stderr).toContain("unknown option '--no-such-option'");
    const json = await runCli([name, "--no-such-option", "--json"]);
    expect(json).toMatchObject({ code: 2, stdout: "" });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "INVALID" } });
  });

  it("prints no colours where none are wanted", async () => {
    for (const [args, env] of [
      [["--no-color"], {}],
      [[], { NO_COLOR: "1" }],
      [[], { TERM: "dumb" }],
      [[], { FORCE_COLOR: "1", NO_COLOR: "1" }],
    ] as const) {
      const { stdout, stderr } = await runCli([name, ...args, "--help"], { env, columns: 80 });
      expect(stdout + stderr).not.toContain(ESCAPE);
    }
  });

  if (!command.options.some(({ long }) => long === "--store")) return;
  it("takes no password on its command line, and shows none", async () => {
    const words = command.registeredArguments.flatMap(({ required, argChoices }) =>
      required ? [argChoices?.[0] ?? "support"] : [],
    );
    const { code, stdout, stderr } = await runCli([name, ...words, "--store", "redis://bot:se-cret@127.0.0.1/0"]);
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain("se-cret");
  });
});

describe("wa-vault", () => {
  it("alone prints its help", async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const [name] of commands) expect(stdout).toContain(`\n  ${name} `);
  });

  it("has help for all commands that fits on one screen", async () => {
    const { stdout } = await runCli(["--help"], { columns: 100 });
    const lines = linesOf(stdout);
    expect(lines.length, stdout).toBeLessThanOrEqual(44);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
    for (const group of ["Link", "Look", "Keep", "Change", "Repair", "Serve"])
      expect(stdout).toContain(`\n${group}:\n`);
    expect(stdout).not.toContain("\nCommands:\n");
  });

  it("tells its version, and what was perhaps meant", async () => {
    expect((await runCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
    const { code, stderr } = await runCli(["verfy"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean verify?");
    const json = await runCli(["verfy", "--json"]);
    expect(JSON.parse(json.stderr)).toEqual({
      error: { code: "INVALID", message: "unknown command 'verfy'", hint: "(Did you mean verify?)" },
    });
  });

  it("has an exit code for every error", () => {
    for (const [code, number] of Object.entries(EXIT_CODES)) {
      expect(exitCodeOf(new VaultError(code as keyof typeof EXIT_CODES, "x"))).toBe(number);
    }
    expect(exitCodeOf(new TypeError("x"))).toBe(1);
  });

  it("has colours where they are forced, in a pipe too", async () => {
    const address = await saved(1);
    const store = ["ls", "--store", address];
    const { stderr } = await runCli(["show", "nobody", "--store", address], { env: { FORCE_COLOR: "1" } });
    expect(stderr).toContain(`${ESCAPE}[31mABSENT:`);
    expect((await runCli(["show", "nobody", "--store", address])).stderr).not.toContain(ESCAPE);
    expect((await runCli([...store, "--no-color"], { env: { FORCE_COLOR: "1" } })).stdout).not.toContain(ESCAPE);
  });

  it("tells its own errors without a stack, and faults with one on request", async () => {
    const address = await saved(1);
    const env = { FORCE_COLOR: "0" };
    const absent = await runCli(["show", "nobody", "--store", address], { env });
    expect(absent.stderr).not.toMatch(/^ +at /m);
    const debugged = await runCli(["show", "nobody", "--store", address], { env: { ...env, WA_VAULT_DEBUG: "1" } });
    expect(debugged.stderr).toMatch(/^ABSENT: .*\n[\s\S]*^ +at /m);
  });

  it("measures letters and signs as terminals draw them", () => {
    expect(["abc", "会社", "📱", "🇩🇪", "é", "👩‍👩‍👧", ""].map(widthOf)).toEqual([3, 4, 2, 2, 1, 2, 0]);
    expect(cutTo("会社-a", 3)).toBe("会");
    expect(safeText("a\u001b[2J\r\nb\u202e")).toBe("a\ufffd[2J\ufffd\ufffdb\ufffd");
    expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
    const rows = table(
      ["会社", "ab"],
      [
        { title: "A", of: (row) => row },
        { title: "B", of: () => "x" },
      ],
      80,
    );
    expect(rows).toEqual(["A     B", "会社  x", "ab    x"]);
  });
});

describe.skipIf(process.platform === "win32")("wa-vault in a shell", () => {
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: `${commandFolder()}:${process.env.PATH}` });

  it("ends quietly when its reader has gone", async () => {
    const address = await saved(40);
    // `head` has gone when most lines are written; `true` before any is.
    for (const reader of ["head -1", "true"]) {
      const script = `wa-vault show RemoteAuth-a --history --store ${address} | ${reader}; echo "code \${PIPESTATUS[0]}"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", script], { env: env(), encoding: "utf8" });
      expect(stderr, reader).toBe("");
      expect(stdout, reader).toMatch(/code 0\n$/);
    }
  });

  it("ends at Ctrl-C with exit code 130", async () => {
    const address = await silentServer();
    const child = spawn(join(commandFolder(), "wa-vault"), ["ls", "--store", address.text], { env: env() });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await address.called;
    child.kill("SIGINT");
    expect(await exitOf(child)).toEqual([130, null]);
    expect(said).toContain("CANCELLED");
    expect(said).not.toMatch(/^ +at /m);
  });

  it.skipIf(!findInstalled("script") || process.platform !== "linux")(
    "leaves a clean line at a terminal after Ctrl-C",
    async () => {
      const address = await silentServer();
      const line = `wa-vault doctor --store ${address.text}`;
      const child = spawn("script", ["-qec", line, "/dev/null"], { env: { ...env(), TERM: "xterm" } });
      let shown = "";
      child.stdout.on("data", (chunk) => {
        shown += chunk;
      });
      await address.called;
      child.stdin.write("\u0003");
      expect(await exitOf(child)).toEqual([130, null]);
      // The line of the progress is removed before the error is written.
      const drawn = shown.lastIndexOf("(0 s)");
      if (drawn !== -1) expect(shown.slice(drawn)).toContain(`\r${ESCAPE}[2K`);
      expect(shown).toContain("CANCELLED");
      // Nothing has hidden the cursor for good.
      expect(shown.split(`${ESCAPE}[?25l`).length).toBe(shown.split(`${ESCAPE}[?25h`).length);
    },
  );
});

/** A store with one session that was saved so often. @returns its address */
async function saved(times: number): Promise<string> {
  const directory = join(folder(), "sessions");
  const store = new FileStore({ directory });
  const session = "RemoteAuth-a";
  const lease = await store.acquire({ session });
  for (let n = 0; n < times; n++) {
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles(`${n}`)) });
  }
  await lease.release();
  return `file:${directory}`;
}

/** A server that takes connections and never answers, and when it is first called. */
async function silentServer(): Promise<{ text: string; called: Promise<unknown> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  const called = once(server, "connection");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { text: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, called };
}
