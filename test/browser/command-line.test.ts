// What is made of each odd state of a process, as /proc shows it.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isBrowserOf } from "../../lib/browser/browser-process.ts";
import { commandLineOf } from "../../lib/browser/command-line.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
const pid = 4711;
let proc: string;
let profile: string;
beforeEach(() => {
  proc = folder();
  profile = folder();
});

interface Seen {
  state?: string;
  threads?: number;
  flags?: number;
  /** The command line. */
  line?: string[];
}

const EXITING = 0x40_8504;
const KERNEL = 0x20_8040;

function show({ state = "S", threads = 1, flags = 0x40_0100, line = [] }: Seen): void {
  const fields = [state, 1, pid, pid, 0, -1, flags, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, threads, 0, 123456, 0, 0];
  mkdirSync(join(proc, String(pid)), { recursive: true });
  writeFileSync(join(proc, `${pid}`, "stat"), `${pid} (chromium (x) Z 9) ${fields.join(" ")}\n`);
  writeFileSync(join(proc, `${pid}`, "cmdline"), line.map((each) => `${each}\0`).join(""));
}

function end(): void {
  rmSync(join(proc, String(pid)), { recursive: true });
}

const HANGS_MS = 250_000;

describe.runIf(process.platform === "linux")("commandLineOf", () => {
  const states: [string, Seen, unknown][] = [
    ["a process that has ended, and that nobody has waited for", { state: "Z" }, "ended"],
    ["a process that is being waited for", { state: "X" }, "ended"],
    ["a process whose first thread has ended, and others not", { state: "Z", threads: 2, flags: EXITING }, "ending"],
    ["a process that is giving its memory back", { state: "R", flags: EXITING }, "ending"],
    ["a process that waits for a disk while it ends", { state: "D", flags: EXITING }, "ending"],
    ["a thread of the kernel", { state: "I", flags: KERNEL }, []],
    ["a program without arguments", {}, []],
    ["a program", { line: ["cat", "a b"] }, ["cat", "a b", ""]],
  ];
  it.each(states)("of %s", async (_, seen, expected) => {
    show(seen);
    expect(await commandLineOf(pid, { proc, endingMs: 0 })).toEqual(expected);
  });

  it("of no process", async () => {
    expect(await commandLineOf(pid, { proc })).toBe("ended");
  });

  it.each([
    { state: "Z", threads: 2 },
    { state: "R", flags: EXITING },
  ])("waits for a process that is ending: %j", async (seen) => {
    show(seen);
    const found = commandLineOf(pid, { proc, endingMs: HANGS_MS });
    setTimeout(end, 100);
    expect(await found).toBe("ended");
  });

  it("waits for a process that is ending until it is a zombie", async () => {
    show({ state: "Z", threads: 2 });
    const found = commandLineOf(pid, { proc, endingMs: HANGS_MS });
    setTimeout(() => show({ state: "Z" }), 100);
    expect(await found).toBe("ended");
  });

  it("takes no other error of the system for an answer", async () => {
    mkdirSync(join(proc, String(pid), "cmdline"), { recursive: true });
    await expect(commandLineOf(pid, { proc })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe.runIf(process.platform === "linux")("isBrowserOf", () => {
  const states: [string, Seen, boolean][] = [
    ["yes, of a process that is ending, and does not end", { state: "Z", threads: 7, flags: EXITING }, true],
    ["no, of one that has ended", { state: "Z", flags: EXITING }, false],
    ["no, of a thread of the kernel", { state: "I", flags: KERNEL }, false],
    ["yes, of a browser that names no profile", { line: ["/usr/lib/chromium/chromium", "--headless"] }, true],
    ["no, of a process that another browser has started", { line: ["/opt/chrome", "--type=gpu-process"] }, false],
    // As Chromium writes them over its own command line.
    ["no, of one that has put its arguments into one", { line: ["/opt/chrome --type=renderer --lang=en"] }, false],
    ["no, of another program", { line: ["sleep", "600"] }, false],
    ["no, of the browser of another profile", { line: ["chrome", "--user-data-dir=/elsewhere/b"] }, false],
  ];
  it.each(states)("says %s", async (_, seen, expected) => {
    show(seen);
    expect(await isBrowserOf(pid, profile, { proc, endingMs: 0 })).toBe(expected);
  });

  it("says no as soon as a process that is ending has ended", async () => {
    show({ state: "R", flags: EXITING });
    const found = isBrowserOf(pid, profile, { proc, endingMs: HANGS_MS });
    setTimeout(end, 100);
    expect(await found).toBe(false);
  });
});
