import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { processTree } from "../support/process-tree.ts";
import { useRig } from "../support/rig.ts";
import { freePort, newBucket, s3Client, startS3 } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { Example } from "./example.ts";

const rig = useRig();
const WA_VAULT_KEY = randomBytes(32).toString("base64");

/** The example in a container of its own, and what its probes answer. */
async function container(env: Readonly<Record<string, string>>, bucket: string) {
  const port = await freePort();
  const bot = new Example("container-bot.mts", rig.folder(), [], {
    ...env,
    S3_BUCKET: bucket,
    PORT: String(port),
    WA_VAULT_KEY,
  });
  const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  const up = (): Promise<void> => expect.poll(() => status("/alive").catch(() => 0), { timeout: 120_000 }).toBe(200);
  return { bot, status, up };
}

await suiteWith("examples/container-bot.mts", shared(startS3), ({ env }) => {
  it("is alive while it waits for its session, ready once it has it, and exits when it is disconnected or its browser dies", async () => {
    const client = s3Client({ env });
    const bucket = await newBucket(client);
    client.destroy();
    const first = await container(env, bucket);
    await first.bot.until("remote_session_saved");
    expect(await first.status("/ready")).toBe(200);

    const second = await container(env, bucket);
    await second.up();
    expect(await second.status("/ready")).toBe(503);
    expect(await first.bot.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    await second.bot.until("ready");
    await expect.poll(() => second.status("/ready")).toBe(200);
    expect(second.bot.events).toContain("remote_session_restored");
    expect(second.bot.events).not.toContain("qr");

    second.bot.setState("CONFLICT");
    expect(await second.bot.end()).toEqual([1, null]);
    expect(second.bot.output).toContain("disconnected: CONFLICT");

    const third = await container(env, bucket);
    await third.bot.until("ready");
    expect(third.bot.events).not.toContain("qr");
    const { pid } = third.bot;
    for (const each of processTree(pid)) if (each !== pid) process.kill(each, "SIGKILL");
    expect(await third.bot.end()).toEqual([1, null]);
    expect(third.bot.output).toContain("UNAVAILABLE");
  });
});
