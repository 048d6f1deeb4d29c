import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { endSignals } from "../../lib/browser/signals.ts";
import { compiled } from "../support/compiled.ts";
import { onlyLong } from "../support/length.ts";

let child: ChildProcess | undefined;
afterEach(() => void child?.kill("SIGKILL"));

/** Starts a scenario, sends the signals as it says the given lines, and waits for its end. */
async function run(scenario: string, signals: Record<string, NodeJS.Signals>) {
  const script = compiled(fileURLToPath(new URL("fixtures/signals.ts", import.meta.url)));
  const process = spawn("node", [script, scenario], { stdio: ["ignore", "pipe", "inherit"] });
  child = process;
  const said: string[] = [];
  const lines = createInterface(process.stdout);
  lines.on("line", (line) => {
    said.push(line);
    const signal = signals[line];
    if (signal) process.kill(signal);
  });
  const [code, signal] = (await once(process, "close")) as [number | null, string | null];
  return { said: said.filter((line) => line !== "up"), code, signal };
}

describe("a process that receives a signal", () => {
  it.each<NodeJS.Signals>(["SIGTERM", ...onlyLong<NodeJS.Signals>("SIGINT", "SIGHUP")])(
    "runs its callback, then ends by %s as without one",
    async (signal) => {
      expect(await run("one", { up: signal })).toEqual({ said: ["closed"], code: null, signal });
    },
  );

  it("runs all callbacks, also when one fails", async () => {
    const { said, signal } = await run("several", { up: "SIGTERM" });
    expect(said.sort()).toEqual(["first", "second"]);
    expect(signal).toBe("SIGTERM");
  });

  it("leaves its end to other listeners of the signal", async () => {
    const ended = await run("other listener", { up: "SIGTERM" });
    expect(ended).toEqual({ said: ["theirs", "closed"], code: 7, signal: null });
  });

  it("waits for a callback up to its limit", async () => {
    expect(await run("hanging", { up: "SIGTERM" })).toEqual({ said: [], code: null, signal: "SIGTERM" });
  });

  it("does not wait after a second signal", async () => {
    const ended = await run("patient", { up: "SIGINT", closing: "SIGINT" });
    expect(ended).toEqual({ said: ["closing"], code: null, signal: "SIGINT" });
  });

  it("in a terminal takes the SIGINT that follow at once for the same Ctrl+C, as nodemon sends them", async () => {
    const ended = await run("three of one Ctrl+C", { up: "SIGINT" });
    expect(ended).toEqual({ said: ["closed"], code: null, signal: "SIGINT" });
  });

  it("takes a SIGTERM that follows at once for the same one, as nodemon sends it at a restart", async () => {
    const ended = await run("one SIGTERM twice", { up: "SIGTERM" });
    expect(ended).toEqual({ said: ["closed"], code: null, signal: "SIGTERM" });
    expect(await run("SIGTERM after SIGHUP", { up: "SIGHUP" })).toEqual({ said: [], code: null, signal: "SIGTERM" });
  });

  it("in a terminal does not wait after a second Ctrl+C", async () => {
    expect(await run("a second Ctrl+C", { up: "SIGINT" })).toEqual({ said: [], code: null, signal: "SIGINT" });
  });

  it("handles what asks a process to end, and not what asks it for a report", () => {
    expect(endSignals("linux")).toEqual(["SIGTERM", "SIGINT", "SIGHUP"]);
    expect(endSignals("win32")).toEqual(["SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"]);
  });

  it("does not run a callback that was removed", async () => {
    expect(await run("taken back", { up: "SIGTERM" })).toEqual({ said: [], code: null, signal: "SIGTERM" });
    expect((await run("one of two taken back", { up: "SIGTERM" })).said).toEqual(["closed"]);
  });

  it("is not kept alive by the package signal-exit", async () => {
    const ended = await run("signal-exit", { up: "SIGTERM" });
    expect(ended).toEqual({ said: ["closed", "signal-exit"], code: null, signal: "SIGTERM" });
  });
});
