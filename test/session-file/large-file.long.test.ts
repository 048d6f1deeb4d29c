import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { exitOf } from "../support/child-exit.ts";

const MEGABYTES = 300;
/** Of memory in all: an idle process, chunks on their way, and garbage. */
const MOST_MEGABYTES = 450;
const program = fileURLToPath(new URL("support/large-file.ts", import.meta.url));

it("a session of 300 MB is exported and imported in little memory", async () => {
  const args = ["--import", import.meta.resolve("tsx"), program, String(MEGABYTES)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [[code], output, errors] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
  expect(code, output + errors).toBe(0);
  const { peakMb, fileBytes, unchanged } = JSON.parse(output) as Record<string, number>;
  expect(unchanged).toBe(false);
  expect(fileBytes).toBeGreaterThan(MEGABYTES * 1e6);
  expect(peakMb).toBeLessThan(MOST_MEGABYTES);
}, 1_200_000);
