import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished, vi } from "vitest";
import { exitOf } from "../../support/child-exit.ts";
import { type Service, startRedis, startS3 } from "../../support/services/index.ts";
import { suiteWith } from "../../support/services/suite.ts";

const MEGABYTES = 1_000;
/** Of memory that is taken beside what an idle process has: chunks on their way, and garbage. */
const MOST_MEGABYTES = 400;
const program = fileURLToPath(new URL("../../support/large-session.ts", import.meta.url));

vi.setConfig({ testTimeout: 1_200_000 });

interface Step {
  requests: number;
  bytesSent: number;
  bytesReceived: number;
}

/** In a process of its own, which compares what it has restored, and whose memory nobody else uses. */
async function saveAndRestore(kind: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const args = ["--import", import.meta.resolve("tsx"), program, kind, String(MEGABYTES)];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [[code], output, errors] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
  expect(code, output + errors).toBe(0);
  const { idleMb, peakMb, first, oneFileChanged, unchanged, restore } = JSON.parse(output) as Record<string, Step> & {
    idleMb: number;
    peakMb: number;
  };
  expect(first?.bytesSent).toBeGreaterThan(MEGABYTES * 1e6);
  // Of the 250 files one is 4 MB.
  expect(oneFileChanged?.bytesSent).toBeLessThan(10e6);
  expect(unchanged).toMatchObject({ requests: 0, bytesSent: 0 });
  expect(restore?.bytesReceived).toBeGreaterThan(MEGABYTES * 1e6);
  expect(peakMb - idleMb).toBeLessThan(MOST_MEGABYTES);
}

it(
  "a session of 1 GB is saved into a directory and restored in little memory",
  () => saveAndRestore("file"),
  1_200_000,
);

await suiteWith<Service>("Redis", startRedis, ({ env }) => {
  it("a session of 1 GB is saved and restored in little memory", () => saveAndRestore("redis", env));
});

await suiteWith<Service>("S3", startS3, ({ env }) => {
  it("a session of 1 GB is saved and restored in little memory", () => saveAndRestore("s3", env));
});
