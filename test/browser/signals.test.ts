import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { onlyLong } from "../support/length.ts";

let child: ChildProcess | undefined;
afterEach(() => void child?.kill("SIGKILL"));

/** Starts a scenario, sends the signals as it says the given lines, and waits for its end. */
async function run(scenario: string, signals: Record<string, NodeJS.Signals>) {
  const script = fileURLToPath(new URL("fixtures/signals.ts", import.meta.url));
  const process = spawn("node", ["--import", "tsx", script, scenario], { stdio: ["ignore", "pipe", "inherit"] });
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

describe("a process that is asked to end", () => {
  it.each<NodeJS.Signals>(["SIGTERM", ...onlyLong<NodeJS.Signals>("SIGINT", "SIGHUP")])(
    "closes, then dies of %s as it would have",
    async (signal) => {
      expect(await run("one", { up: signal })).toEqual({ said: ["closed"], code: null, signal });
    },
  );

  it("closes all, whichever fails", async () => {
    const { said, signal } = await run("several", { up: "SIGTERM" });
    expect(said.sort()).toEqual(["first", "second"]);
    expect(signal).toBe("SIGTERM");
  });

  it("leaves its end to whoever else listens", async () => {
    const ended = await run("other listener", { up: "SIGTERM" });
    expect(ended).toEqual({ said: ["theirs", "closed"], code: 7, signal: null });
  });

  it("does not wait for ever", async () => {
    expect(await run("hanging", { up: "SIGTERM" })).toEqual({ said: [], code: null, signal: "SIGTERM" });
  });

  it("does not wait when asked again", async () => {
    const ended = await run("patient", { up: "SIGINT", closing: "SIGINT" });
    expect(ended).toEqual({ said: ["closing"], code: null, signal: "SIGINT" });
  });

  it("does nothing for what was taken back", async () => {
    expect(await run("taken back", { up: "SIGTERM" })).toEqual({ said: [], code: null, signal: "SIGTERM" });
    expect((await run("one of two taken back", { up: "SIGTERM" })).said).toEqual(["closed"]);
  });

  it("is not kept alive by the package signal-exit", async () => {
    const ended = await run("signal-exit", { up: "SIGTERM" });
    expect(ended).toEqual({ said: ["closed", "signal-exit"], code: null, signal: "SIGTERM" });
  });
});
