import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { exitOf } from "../../support/child-exit.ts";
import { useFolder } from "../../support/folder.ts";
import { testKey } from "../../support/keys.ts";
import { onlyLong, times } from "../../support/length.ts";
import { levelDbProfile } from "../support/threads/large-profile.ts";

// The other tests run the sources, beside which there is no file that a thread could run: they do all work in one thread.
// These start processes that have the built package.

const newFolder = useFolder();
const support = join(import.meta.dirname, "../support/threads");
const root = join(import.meta.dirname, "../../..");

/** What a program says of the jobs that threads have done. */
interface Said {
  readonly done: { readonly "hash-pieces-job"?: number; readonly "encode-chunk-job"?: number };
}

const worked = { "hash-pieces-job": expect.any(Number), "encode-chunk-job": expect.any(Number) };

/** Runs a program of `support/threads` to its end, in a directory of its own. @returns what it says */
async function run<T extends Said>(program: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await node(["--import", "tsx", join(support, program), newFolder(), ...args])) as T;
}

/** Runs Node to its end: it ends by itself, and says nothing on stderr. @returns what it says on stdout */
async function node(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: root });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said, errors, end] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  expect({ errors, end }).toEqual({ errors: "", end: [0, null] });
  return said;
}

describe("saves by threads", () => {
  it.each([
    ["with a key", { key: testKey(1).toString("base64") }],
    ...onlyLong<[string, object | undefined]>(
      ["without encryption", undefined],
      ["with a passphrase", { passphrase: "a passphrase" }],
    ),
  ])("store what saves by one thread store, and both can be restored (%s)", async (_how, encryption) => {
    const { done, sizes } = await run<Said & { sizes: number[] }>(
      "round-trip.ts",
      ...(encryption ? [JSON.stringify(encryption)] : []),
    );
    expect(done).toMatchObject(worked);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  it.each<[string, number, string]>([
    // What was to be read is read by the thread of the process.
    ["hash-pieces-job", 1, "saved"],
    ...onlyLong<[string, number, string]>(["hash-pieces-job", 4, "saved"]),
    // What was to be compressed is gone.
    ...onlyLong<[string, number, string]>(["encode-chunk-job", 1, "UNAVAILABLE"]),
    ["encode-chunk-job", 3, "UNAVAILABLE"],
  ])("leave the session as it was, or saved, when a thread dies (%s %i)", async (job, number, code) => {
    expect(await run("killed-threads.ts", job, String(number))).toMatchObject({ code, done: worked });
  });

  it("go on without threads where each thread dies of its work", async () => {
    expect(await run("dying-threads.ts")).toMatchObject({
      codes: ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE", "saved"],
    });
  });

  it("end as those of one thread when a file changes while it is read", async () => {
    const { ends, done, closed } = await run<Said & { ends: Record<string, string[]>; closed: number[] }>(
      "changed-files.ts",
    );
    const shorter = expect.stringMatching(/^CORRUPT: .*has become shorter/);
    const changed = expect.stringMatching(/^UNAVAILABLE: .*has changed since the capture/);
    expect({ ends, closed }).toEqual({
      ends: { shorter: [shorter, shorter], changed: [changed, changed] },
      closed: [],
    });
    expect(done).toMatchObject(worked);
  });

  it("leave no descriptor open and close none too early when they end, or the capture does, while a thread reads", async () => {
    const reads = times(2, 4);
    const { ends, closed, open, done } = await run<
      Said & { ends: Record<string, number>; closed: number[]; open: string[] }
    >("ended-saves.ts", String(reads));
    const { saved = 0, aborted = 0, ...others } = ends;
    expect(aborted).toBe(2 * reads);
    expect(Object.keys(others)).toEqual(["Could not read a file: the capture is closed."]);
    expect({ closed, open }).toEqual({ closed: [], open: [] });
    expect(saved).toBeLessThan(2 * reads);
    expect(done).toMatchObject(worked);
  });

  it("keep the contents of sessions apart in memory that is used again", async () => {
    const seed = String(Math.floor(Math.random() * 2 ** 31));
    const said = await run<Said & { failures: number }>("many-saves.ts", String(times(5, 1_000)), seed).catch(
      (error) => {
        throw new Error(`seed ${seed}`, { cause: error });
      },
    );
    expect(said.done).toMatchObject(worked);
    expect(said.failures).toBeGreaterThan(0);
  });
});

describe("captures whose databases threads check", () => {
  it("are refused for damage, are taken where the log makes the database whole, and end when they are aborted", async () => {
    type Ends = Record<string, { end: string; checks: number }>;
    const { threads, inline } = await run<Said & { threads: Ends; inline: Ends }>("damaged-database.ts");
    const damage = expect.stringMatching(/^CORRUPT: .*page 2 is no tree page/);
    const captured = { end: "captured", checks: 1 };
    // Damage has to be found by three attempts.
    const refused = { end: damage, checks: 3 };
    const ends = {
      sound: captured,
      aborted: { end: "ABORTED: enough", checks: 0 },
      damaged: refused,
      mended: captured,
      mendedLive: captured,
      unmended: refused,
    };
    expect(threads).toEqual(ends);
    expect(inline).toEqual(
      Object.fromEntries(Object.entries(ends).map(([name, { end }]) => [name, { end, checks: 0 }])),
    );
  });
});

describe("a bundle of a program", () => {
  const require = createRequire(import.meta.url);
  const { buildSync } = createRequire(require.resolve("tsx"))("esbuild") as {
    buildSync(options: Record<string, unknown>): unknown;
  };

  it.each(["esm", "cjs"] as const)(
    "saves without threads, and leaves a file of their name alone (%s)",
    async (format) => {
      const folder = newFolder();
      const outfile = join(folder, `program.${format === "esm" ? "mjs" : "cjs"}`);
      buildSync({
        entryPoints: [join(support, "bundled.ts")],
        bundle: true,
        platform: "node",
        format,
        outfile,
        // What the dependencies require, a module cannot.
        banner: format === "esm" ? { js: REQUIRE } : {},
        logLevel: "error",
        external: ["@node-rs/crc32"],
      });
      for (const name of ["thread.js", "thread.mjs"]) writeFileSync(join(folder, name), 'console.log("not ours");');
      const profile = await levelDbProfile(join(folder, "profile"), 9);
      const { bytes, restored, most } = JSON.parse(await node([outfile, profile.dir, join(folder, "stored")]));
      expect(bytes).toBeGreaterThan(16 * 1024 * 1024);
      expect({ restored, most }).toEqual({ restored: bytes, most: 0 });
    },
  );
});

const REQUIRE = `import { createRequire as asRequired } from "node:module"; const require = asRequired(import.meta.url);`;
