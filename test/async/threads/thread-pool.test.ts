import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Job } from "../../../lib/async/threads/job.ts";
import { ThreadPool, type ThreadPoolOptions } from "../../../lib/async/threads/thread-pool.ts";
import { useFolder } from "../../support/folder.ts";

interface Input {
  readonly what: "nothing" | "throw" | "exit" | "sleep" | "fill";
  readonly bytes?: Uint8Array;
  readonly ms?: number;
}
interface Result {
  readonly threadId: number;
  readonly bytes?: Uint8Array;
}

const dist = new URL("../../../dist/lib/async/threads/", import.meta.url);
const jobs = new URL("jobs.mjs", import.meta.url);
const { job } = (await import(jobs.href)) as { job: Job<Input, Result> };
const own = { ...job, module: jobs.href };

describe("ThreadPool", () => {
  const newFolder = useFolder();
  const pools: ThreadPool[] = [];

  /** A pool that starts a thread for the first byte. */
  function pool(options: ThreadPoolOptions = {}): ThreadPool {
    const made = new ThreadPool({
      entry: new URL("thread.js", dist),
      startBytes: 1,
      idleMs: 60_000,
      startMs: 60_000,
      ...options,
    });
    pools.push(made);
    return made;
  }

  afterEach(async () => {
    for (const each of pools.splice(0)) await each.close();
  });

  it("does a job in another thread", async () => {
    const result = await pool().offer(own, { what: "nothing" }, 1);
    expect(result?.threadId).toBeGreaterThan(0);
  });

  it("starts no thread for little work, and starts one once there was much", async () => {
    const patient = pool({ startBytes: 10 });
    for (let offered = 0; offered < 9; offered += 3) {
      expect(await patient.offer(own, { what: "nothing" }, 3)).toBeUndefined();
    }
    expect(patient.size).toBe(0);
    // The job that starts it is done by the caller, unless it is large itself.
    expect(await patient.offer(own, { what: "nothing" }, 3)).toBeUndefined();
    expect(patient.size).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await patient.offer(own, { what: "nothing" }, 1)).toBeDefined(), 240_000);
    expect(await pool({ startBytes: 10 }).offer(own, { what: "nothing" }, 10)).toBeDefined();
  });

  it("leaves no job to its caller once much is expected, until the threads have ended", async () => {
    const expecting = pool({ startBytes: 10 });
    expecting.expect(9);
    expect([expecting.size, await expecting.offer(own, { what: "nothing" }, 1)]).toEqual([0, undefined]);
    expecting.expect(10);
    expect(await expecting.offer(own, { what: "nothing" }, 1)).toBeDefined();
    await expecting.close();
    expect(await expecting.offer(own, { what: "nothing" }, 1)).toBeUndefined();
  });

  it("waits once for a thread that does not start, and for it no more", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "silent.mjs"), "setInterval(() => {}, 1_000);");
    const silent = pool({ entry: pathToFileURL(join(folder, "silent.mjs")), startMs: 50 });
    // A wait for each of them would take longer than a test may.
    for (let job = 0; job < 10_000; job++) expect(await silent.offer(own, { what: "nothing" }, 1)).toBeUndefined();
    expect(silent.size).toBe(1);
  });

  it("never has more threads than its size, however many jobs there are", async () => {
    const small = pool({ size: 2 });
    const results = await Promise.all(Array.from({ length: 20 }, () => small.offer(own, { what: "sleep", ms: 5 }, 1)));
    expect(small.size).toBe(2);
    expect(new Set(results.map((result) => result?.threadId)).size).toBeLessThanOrEqual(2);
    expect(results.every((result) => result !== undefined)).toBe(true);
  });

  it("moves buffers to the thread and back", async () => {
    const bytes = new Uint8Array(100_000);
    const result = await pool().offer(own, { what: "fill", bytes }, 1);
    expect(bytes.length).toBe(0);
    expect(result?.bytes).toEqual(new Uint8Array(100_000).fill(7));
  });

  it.each(["throw", "exit"] as const)("leaves a job to the caller when the thread fails (%s)", async (what) => {
    const failing = pool();
    expect(await failing.offer(own, { what }, 1)).toBeUndefined();
    expect(await failing.offer(own, { what: "nothing" }, 1)).toBeDefined();
  });

  it.each(["throw", "exit"] as const)("rejects when a thread fails to which buffers were moved (%s)", async (what) => {
    const failing = pool();
    const bytes = new Uint8Array(100_000);
    await expect(failing.offer(own, { what, bytes }, 1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(
        /^Could not prepare what is to be stored: (?:it cannot be done|the thread has ended)\.$/,
      ),
      hint: expect.stringContaining("the next save tries again"),
      cause: expect.any(Error),
    });
  });

  it("starts no thread any more once three have died", async () => {
    const dying = pool({ size: 1 });
    for (let death = 0; death < 3; death++) {
      await expect(dying.offer(own, { what: "exit", bytes: new Uint8Array(100_000) }, 1)).rejects.toThrow(/has ended/);
    }
    const bytes = new Uint8Array(100_000);
    expect(await dying.offer(own, { what: "fill", bytes }, 1)).toBeUndefined();
    expect(bytes.length).toBe(100_000);
    expect(dying.size).toBe(0);
  });

  it("starts no thread any more where threads cannot load the jobs", async () => {
    const strange = pool({ size: 1 });
    const unknown = { module: new URL("no-such-module.mjs", jobs).href, run: own.run };
    for (let death = 0; death < 3; death++) {
      expect(await strange.offer(unknown, { what: "nothing" }, 1)).toBeUndefined();
    }
    expect(await strange.offer(own, { what: "nothing" }, 1)).toBeUndefined();
    expect(strange.size).toBe(0);
  });

  it("goes on with new threads after its own have ended for want of work, however often", async () => {
    const ending = pool();
    for (let round = 0; round < 5; round++) {
      expect(await ending.offer(own, { what: "nothing" }, 1)).toBeDefined();
      await ending.close();
    }
  });

  it("leaves a job to the caller whose input cannot be sent", async () => {
    const sending = pool();
    const bytes = new Uint8Array(100_000);
    const input = { what: "fill" as const, bytes, more: () => {} };
    expect(await sending.offer(own, input, 1)).toBeUndefined();
    expect(bytes.length).toBe(100_000);
    expect(await sending.offer(own, { what: "nothing" }, 1)).toBeDefined();
  });

  it("answers all jobs of a thread that ends", async () => {
    const ending = pool({ size: 1 });
    await ending.offer(own, { what: "nothing" }, 1);
    const pending = [1, 2, 3].map(() => ending.offer(own, { what: "sleep", ms: 60_000 }, 1));
    await ending.close();
    expect(await Promise.all(pending)).toEqual([undefined, undefined, undefined]);
    expect(ending.size).toBe(0);
  });

  it("leaves all work to the callers where the file of the thread is missing", async () => {
    const missing = pool({ entry: new URL("missing.js", dist) });
    for (let n = 0; n < 3; n++) expect(await missing.offer(own, { what: "nothing" }, 1)).toBeUndefined();
    expect(missing.size).toBe(0);
  });

  it("ends its threads when there is no work, and starts them again", async () => {
    const idle = pool({ idleMs: 1 });
    await idle.offer(own, { what: "sleep", ms: 20 }, 1);
    await vi.waitFor(() => expect(idle.size).toBe(0), 240_000);
    expect(await idle.offer(own, { what: "nothing" }, 1)).toBeDefined();
  });

  /** Runs a program with the built pool as `threads`. */
  function run(program: string, args: readonly string[] = []): ReturnType<typeof spawnSync> {
    const setUp = `
      import { ThreadPool } from ${JSON.stringify(new URL("thread-pool.js", dist).href)};
      import { job } from ${JSON.stringify(jobs.href)};
      const threads = new ThreadPool({ startBytes: 1, idleMs: 60_000 });`;
    return spawnSync(process.execPath, [...args, "--input-type=module", "-e", setUp + program], {
      encoding: "utf8",
      timeout: 30_000,
    });
  }

  it("keeps a process only as long as a job is under way", () => {
    const ended = run(`
      const result = await threads.offer(job, { what: "sleep", ms: 50 }, 1);
      console.log(result.threadId > 0 ? "done" : "not in a thread");`);
    expect(ended).toMatchObject({ status: 0, stdout: "done\n", stderr: "" });
  });

  it("keeps no process for a job that could not be sent", () => {
    const ended = run(`
      await threads.offer(job, { what: "nothing" }, 1);
      console.log(await threads.offer(job, { what: "nothing", more: () => {} }, 1));`);
    expect(ended).toMatchObject({ status: 0, stdout: "undefined\n", stderr: "" });
  });

  it("starts no thread in a bundle, whatever lies beside it", () => {
    const folder = newFolder();
    writeFileSync(join(folder, "thread.js"), `console.log("somebody's program");`);
    const text = readFileSync(new URL("thread-pool.js", dist), "utf8");
    const program = `${text}\nconst made = new ThreadPool({ startBytes: 1 });
      console.log(await made.offer({ module: import.meta.url }, {}, 1), made.size);`;
    writeFileSync(
      join(folder, "bundle.mjs"),
      program.replace("./pool-thread.js", new URL("pool-thread.js", dist).href),
    );
    const ended = spawnSync(process.execPath, [join(folder, "bundle.mjs")], { encoding: "utf8", timeout: 30_000 });
    expect(ended).toMatchObject({ status: 0, stdout: "undefined 0\n", stderr: "" });
  });

  it("leaves all work to the callers where the process may not start threads", () => {
    const flag = Number(process.versions.node.split(".")[0]) >= 24 ? "--permission" : "--experimental-permission";
    const ended = run(`console.log(await threads.offer(job, { what: "nothing" }, 1), threads.size);`, [
      flag,
      "--allow-fs-read=*",
      "--no-warnings",
    ]);
    expect(ended).toMatchObject({ status: 0, stdout: "undefined 0\n" });
  });
});
