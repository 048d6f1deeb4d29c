// What the command does as a process: how it ends, and what it shows of the warnings of the libraries that it uses.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { linkedProfileFiles } from "../contract/profile.ts";
import { saveFiles } from "../session-file/support/sessions.ts";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

/** A process that is read while it runs. */
class Started {
  readonly child: ChildProcess;
  stderr = "";

  constructor(what: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const path = compiled(fileURLToPath(new URL("support/process-child.ts", import.meta.url)));
    this.child = spawn(process.execPath, [path, what, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
  }

  /** Resolves when `text` was said. @throws when the process ends before */
  async said(text: string): Promise<void> {
    const ended = once(this.child, "exit").then(() => Promise.reject(new Error(`It has ended: ${this.stderr}`)));
    ended.catch(() => {});
    while (!this.stderr.includes(text)) await Promise.race([once(this.child.stderr as object as never, "data"), ended]);
  }
}

describe("the temporary folders", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "are removed when a second %s does not wait for the store",
    async (signal) => {
      const place = folder();
      const temporary = join(place, "temporary");
      mkdirSync(temporary);
      const store = join(place, "sessions");
      await saveFiles(new FileStore({ directory: store }), linkedProfileFiles("5511988887777"));
      const args = ["export", "support", join(place, "x.wavault"), "--plain", "--store", `file:${store}`];
      const command = new Started("hang", args, { TMPDIR: temporary });
      await command.said("The store hangs.");
      expect(readdirSync(temporary)).not.toEqual([]);
      command.child.kill(signal);
      await command.said("CANCELLED");
      command.child.kill(signal);
      expect(await exitOf(command.child)).toEqual([130, null]);
      expect(readdirSync(temporary)).toEqual([]);
      expect(readdirSync(place).sort()).toEqual(["sessions", "temporary"]);
    },
    60_000,
  );

  it("are removed beside the target, too", async () => {
    const place = folder();
    const store = join(place, "sessions");
    await saveFiles(new FileStore({ directory: store }), linkedProfileFiles("5511988887777"));
    const command = new Started("hang", ["pull", "support", join(place, "profile"), "--store", `file:${store}`], {});
    await command.said("The store hangs.");
    expect(readdirSync(place).join()).toContain("profile.staged-");
    command.child.kill("SIGINT");
    await command.said("It is asked to end.");
    command.child.kill("SIGINT");
    expect(await exitOf(command.child)).toEqual([130, null]);
    // The claim of a process that has ended holds up nobody.
    expect(readdirSync(place)).toEqual(["profile.claim", "sessions"]);
  }, 60_000);

  it("are removed when the command ends by a fault of its own, except those that are kept", async () => {
    const temporary = folder();
    const command = new Started("fail", [], { TMPDIR: temporary });
    expect((await exitOf(command.child))[0]).toBe(1);
    expect(command.stderr).toContain("a fault nobody has caught");
    const [, kept] = /kept: (\S+)\./.exec(command.stderr) ?? [];
    expect(readdirSync(temporary)).toEqual([kept]);
  }, 60_000);
});

describe("warnings of libraries", () => {
  async function warningsOf(env: NodeJS.ProcessEnv): Promise<string> {
    const command = new Started("warn", [], env);
    expect(await exitOf(command.child)).toEqual([0, null]);
    return command.stderr;
  }

  it.each<[string, NodeJS.ProcessEnv]>([
    ["as they come", {}],
    ["with where they were made", { NODE_OPTIONS: "--trace-warnings" }],
  ])("are shown without secrets, and move no cursor (%s)", async (_, env) => {
    const said = await warningsOf(env);
    expect(said).not.toContain("hush");
    for (const text of [
      "mongodb://host:port/database",
      "[X1] Warning: postgres://host/db is not reached",
      "by redis://h",
    ])
      expect(said).toContain(text);
    expect(said).toContain("DriverWarning: of https://host/?authToken=***&tls=1 with password=***");
    expect(said).toContain("Error: made by //host");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(said).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(said).not.toMatch(/^CORRUPT/m);
  });

  it("are not shown where Node is told to show none", async () => {
    expect(await warningsOf({ NODE_NO_WARNINGS: "1" })).toBe("");
  });

  it("of the AWS SDK, about releases to come, are left out; the person may ask for them", async () => {
    const env = { AWS_REGION: "", AWS_DEFAULT_REGION: "", HOME: folder(), AWS_CONFIG_FILE: "", AWS_PROFILE: "" };
    const args = ["ls", "--store", "s3://bucket"];
    for (const [wanted, isShown] of [
      [undefined, false],
      ["false", process.versions.node.startsWith("20.")],
    ] as const) {
      const own = { ...env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: wanted };
      const command = new Started("nothing", args, own);
      await exitOf(command.child);
      expect(command.stderr).toContain("INVALID: s3://bucket has no region");
      expect(command.stderr.includes("NodeVersionSupportWarning")).toBe(isShown);
    }
  });
});
