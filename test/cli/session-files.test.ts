import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { readSessionFile } from "../../lib/session-file/import-session.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { multiFileOf } from "../baileys/support/multi-file.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import {
  assertSameFiles,
  captureOf,
  filesIn,
  linkedProfileFiles,
  profileFiles,
  writeFiles,
  writeZip,
} from "../contract/profile.ts";
import { filesOf, PROFILE, RECORDS, saveFiles, saveRecords } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
const files = linkedProfileFiles("5511988887777");
const passphrase = "correct horse battery";
let [root, address, other] = ["", "", ""];
let [store, target]: [FileStore, FileStore] = [] as never;

beforeEach(async () => {
  root = folder();
  const directories = [join(root, "sessions"), join(root, "others")] as const;
  [address, other] = [`file:${directories[0]}`, `file:${directories[1]}`];
  [store, target] = [new FileStore({ directory: directories[0] }), new FileStore({ directory: directories[1] })];
  await saveFiles(store, files);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const widest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("wa-vault export and import", () => {
  const exported = (...more: string[]) =>
    runCli(["export", "support", join(root, "x.wavault"), "--store", address, ...more]);

  it("take a session from one store to another", async () => {
    const written = await exported("--plain");
    expect(written).toMatchObject({ code: 0, stderr: "" });
    expect(written.stdout).toContain(`${join(root, "x.wavault")} has ${PROFILE}, and was read back.\n  3 files,`);
    const brought = await runCli(["import", join(root, "x.wavault"), "--store", other]);
    expect(brought).toMatchObject({ code: 0, stderr: "" });
    expect(brought.stdout).toMatch(/others has RemoteAuth-support now \(3 files, .* read back and compared\.\n$/);
    assertSameFiles(await filesOf(target, folder()), files);
    const again = await runCli(["import", join(root, "x.wavault"), "--store", other]);
    expect(again.stdout).toMatch(/nothing was written/);
  });

  it("speak JSON", async () => {
    const written = await exported("--plain", "--json");
    expect(written.json()).toMatchObject({
      store: address,
      session: PROFILE,
      path: join(root, "x.wavault"),
      encrypted: false,
      files: 3,
      generation: (await store.state({ session: PROFILE }))?.current?.generation,
      proven: false,
      rejected: false,
      replaced: false,
      ms: expect.toSatisfy(Number.isInteger),
    });
    expect(Object.keys(written.json()).slice(0, 2)).toEqual(["store", "session"]);
    const brought = await runCli(["import", join(root, "x.wavault"), "sales", "--store", other, "--json"]);
    expect(brought.json()).toMatchObject({
      store: other,
      session: "RemoteAuth-sales",
      path: join(root, "x.wavault"),
      kind: "profile",
      form: "session-file",
      generation: expect.toSatisfy(Number.isInteger),
      encrypted: false,
      rejected: false,
      replaced: false,
      ms: expect.toSatisfy(Number.isInteger),
      unchanged: false,
      files: 3,
    });
    const failed = await runCli(["import", join(root, "none"), "--store", other, "--json"]);
    expect(failed).toMatchObject({ code: 3, stdout: "" });
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code: "ABSENT" } });
  });

  it("choose the name of the file", async () => {
    const { json } = await runCli(["export", "support", `${root}/`, "--store", address, "--plain", "--json"]);
    expect(json().path).toMatch(/\/RemoteAuth-support-\d{4}-\d\d-\d\d\.wavault$/);
    const piped = await runCli(["export", "support", "-", "--store", address, "--plain"]);
    expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining("not written to a pipe") });
    expect((await runCli(["pull", "support", "-", "--store", address])).code).toBe(2);
  });

  it.each([
    ["a passphrase", { WA_VAULT_FILE_PASSPHRASE: passphrase }, { passphrase }],
    ["a key", { WA_VAULT_FILE_KEY: testKey(1).toString("base64") }, { key: testKey(1) }],
  ])("encrypt with %s of the environment, and say nothing of it", async (_, env, encryption) => {
    const path = join(root, "x.wavault");
    const written = await runCli(["export", "support", path, "--store", address], { env });
    expect(written).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(", encrypted") });
    expect(await readSessionFile({ from: path, encryption })).toMatchObject({ encrypted: true });
    const wrong = await runCli(["import", path, "--store", other], {
      env: { WA_VAULT_FILE_PASSPHRASE: "another passphrase" },
    });
    expect(wrong).toMatchObject({ code: 7, stdout: "", stderr: expect.stringContaining("WRONG_KEY") });
    const none = await runCli(["import", path, "--store", other]);
    expect(none).toMatchObject({ code: 7, stderr: expect.stringContaining("WA_VAULT_FILE_PASSPHRASE") });
    expect((await runCli(["import", path, "--store", other], { env })).code).toBe(0);
    assertSameFiles(await filesOf(target, folder()), files);
    for (const { stderr, stdout } of [written, wrong]) {
      for (const value of Object.values(env)) expect(stderr + stdout).not.toContain(value);
    }
  });

  it("read a passphrase from a file", async () => {
    await writeFile(join(root, "secret"), `${passphrase}\n`);
    const env = { WA_VAULT_FILE_PASSPHRASE_FILE: join(root, "secret") };
    const path = join(root, "x.wavault");
    expect((await runCli(["export", "support", path, "--store", address], { env })).code).toBe(0);
    expect(await readSessionFile({ from: path, encryption: { passphrase } })).toBeDefined();
  });

  it("ask for the passphrase, twice for a new file, and never show it", async () => {
    const path = join(root, "x.wavault");
    const write = (input: string, ...more: string[]) =>
      runCli(["export", "support", path, "--store", address, ...more], { columns: 80, input });
    const written = await write(`${passphrase}\n${passphrase}\n`);
    expect(written.code).toBe(0);
    const differ = await write(`${passphrase}\nanother passphrase\n`, "--yes");
    expect(differ).toMatchObject({ code: 2, stderr: expect.stringContaining("differ") });
    const read = await runCli(["import", path, "--store", other], { columns: 80, input: `${passphrase}\n` });
    expect(read.code).toBe(0);
    const wrong = await runCli(["import", path, "--store", other], { columns: 80, input: "another passphrase\n" });
    expect(wrong.code).toBe(7);
    const ended = await runCli(["import", path, "--store", other], { columns: 80, input: "\u0003" });
    expect(ended.code).toBe(130);
    const short = await runCli(["export", "support", path, "--yes", "--store", address], {
      columns: 80,
      input: "short\nshort\n",
    });
    expect(short.code).toBe(2);
    for (const { stdout, stderr } of [written, differ, read]) expect(stdout + stderr).not.toContain(passphrase);
    assertSameFiles(await filesOf(target, folder()), files);
  });

  it("warn of a file that is not encrypted, and make one without a question with --plain only", async () => {
    const warned = await exported();
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining("not encrypted") });
    const asked = await runCli(["export", "support", join(root, "y.wavault"), "--store", address], {
      columns: 80,
      input: "\n",
    });
    expect(asked).toMatchObject({ code: 0, stderr: expect.stringContaining("whoever has it has the session") });
    const wanted = await runCli(["export", "support", join(root, "z"), "--passphrase", "--store", address]);
    expect(wanted).toMatchObject({ code: 2, stderr: expect.stringContaining("Nobody is there") });
    expect(await readdir(root)).not.toContain("z");
  });

  it("ask before they replace something", async () => {
    await writeFile(join(root, "x.wavault"), "mine");
    const unasked = await exported("--plain");
    expect(unasked).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace` replaces what is there") });
    const no = await runCli(["export", "support", join(root, "x.wavault"), "--plain", "--store", address], {
      columns: 80,
      input: "n\n",
    });
    expect(no.code).toBe(130);
    expect(await readFile(join(root, "x.wavault"), "utf8")).toBe("mine");
    expect((await exported("--plain", "--yes")).code).toBe(0);
    expect((await exported("--plain", "--replace", "--json")).json()).toMatchObject({ replaced: true });

    const newer = linkedProfileFiles("5511988887777", { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") });
    const before = await saveFiles(target, newer);
    const importing = ["import", join(root, "x.wavault"), "--store", other];
    const refused = await runCli(importing);
    expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace` replaces what is there") });
    assertSameFiles(await filesOf(target, folder()), newer);
    const yes = await runCli(importing, { columns: 80, input: "y\n" });
    expect(yes).toMatchObject({ code: 0, stdout: expect.stringContaining(`kept as generation ${before}.`) });
    assertSameFiles(await filesOf(target, folder()), files);
    await saveFiles(target, newer);
    const replaced = await runCli([...importing, "--replace", "--json"]);
    expect(replaced.json()).toMatchObject({ unchanged: false, replaced: true });
    expect((await runCli([...importing, "--replace", "--json"])).json()).toMatchObject({
      unchanged: true,
      replaced: false,
    });
  });

  it("refuse the session of another phone, and one that a bot has", async () => {
    await exported("--plain");
    await saveFiles(target, linkedProfileFiles("491701234567"));
    const importing = ["import", join(root, "x.wavault"), "--yes", "--store", other];
    for (const more of [[], ["--replace"]]) {
      const refused = await runCli([...importing, ...more]);
      expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining("--other-phone") });
    }
    const dry = await runCli([...importing, "--dry-run"]);
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/another phone is there: it would be refused without `--other-phone`\.\n$/),
    });
    expect((await runCli([...importing, "--dry-run", "--json"])).json()).toMatchObject({
      otherPhone: true,
      replaces: false,
    });
    const lease = await target.acquire({ session: PROFILE });
    const held = await runCli([...importing, "--other-phone"]);
    expect(held).toMatchObject({ code: 6, stderr: expect.stringContaining("`--wait 5min`") });
    await lease.release();
    expect((await runCli([...importing, "--other-phone"])).code).toBe(0);
    assertSameFiles(await filesOf(target, folder()), files);
  });

  it.each(["import", "push"])(
    "%s waits for the bot that has the session",
    async (name) => {
      const place = join(root, "session-support");
      await writeFiles(files, place);
      await saveFiles(
        target,
        linkedProfileFiles("5511988887777", { "Default/IndexedDB/x/000005.ldb": Buffer.from("x") }),
      );
      const lease = await target.acquire({ session: PROFILE });
      const acquire = vi.spyOn(Vault.prototype, "acquire");
      const args = [name, place, "support", "--replace", "--store", other];
      const bringing = runCli([...args, "--wait", "10min"]);
      await vi.waitUntil(() => acquire.mock.calls.length > 0, { timeout: 60_000 });
      expect(acquire.mock.calls[0]?.[0]).toMatchObject({ session: PROFILE });
      await lease.release();
      expect(await bringing).toMatchObject({ code: 0 });
      assertSameFiles(await filesOf(target, folder()), files);
      expect((await target.state({ session: PROFILE }))?.lease).toBeUndefined();
    },
    90_000,
  );

  it.each(["import", "push"])("%s asks anew about what a bot has saved while it was asked", async (name) => {
    const place = join(root, "session-support");
    await writeFiles(files, place);
    const version = (text: string) =>
      linkedProfileFiles("5511988887777", { "Default/IndexedDB/x/000005.ldb": Buffer.from(text) });
    await saveFiles(target, version("before"));
    const acquire = vi.spyOn(Vault.prototype, "acquire");
    const questions: string[] = [];
    const answer = async (question: string): Promise<string> => {
      questions.push(question);
      if (questions.length > 1) return "n\n";
      const lease = await target.acquire({ session: PROFILE });
      await target.saveProfile({ session: PROFILE, lease, capture: captureOf(version("meanwhile")) });
      acquire.mockClear();
      void vi.waitUntil(() => acquire.mock.calls.length > 0, { timeout: 60_000 }).then(() => lease.release());
      return "y\n";
    };
    const args = [name, place, "support", "--store", other, "--wait", "10min"];
    expect(await runCli(args, { columns: 200, answer })).toMatchObject({ code: 130 });
    expect(questions).toEqual([expect.not.stringContaining("2 generations"), expect.stringContaining("2 generations")]);
    assertSameFiles(await filesOf(target, folder()), version("meanwhile"));
  });

  it("say that WhatsApp has refused what they take", async () => {
    const generation = (await store.state({ session: PROFILE }))?.current?.generation ?? 0;
    const lease = await store.acquire({ session: PROFILE });
    await store.mark({ session: PROFILE, lease, generation, as: "rejected" });
    await lease.release();
    const place = join(root, "profile");
    for (const args of [
      ["export", "support", join(root, "x.wavault"), "--plain"],
      ["pull", "support", place],
    ]) {
      for (const more of [["--dry-run"], ["--replace"]]) {
        const { code, stderr, json } = await runCli([...args, ...more, "--json", "--store", address]);
        expect({ code, stderr }).toMatchObject({
          code: 0,
          stderr: expect.stringContaining(`refused generation ${generation}`),
        });
        expect(json()).toMatchObject({ generation, rejected: true });
      }
    }
    const brought = await runCli(["import", join(root, "x.wavault"), "--json", "--store", other]);
    expect(brought).toMatchObject({ code: 0, stderr: expect.stringContaining("WhatsApp had refused the session") });
    expect(brought.json()).toMatchObject({ rejected: true, proven: false });
  });

  it("change nothing with --dry-run", async () => {
    const dry = await exported("--plain", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stdout: `Would write ${PROFILE} to ${join(root, "x.wavault")}.\n` });
    expect((await exported("--dry-run", "--json")).json()).toMatchObject({ dryRun: true, replaces: false });
    expect(await readdir(root)).not.toContain("x.wavault");
    await exported("--plain");
    const importing = ["import", join(root, "x.wavault"), "--dry-run", "--store", other];
    expect((await runCli(importing)).stdout).toMatch(/^Would put RemoteAuth-support \(3 files, .*others\.\n$/);
    expect((await runCli([...importing, "--json"])).json()).toMatchObject({
      dryRun: true,
      files: 3,
      there: null,
      replaces: false,
    });
    expect(await target.state({ session: PROFILE })).toBeUndefined();
    const written = join(root, "x.wavault");
    const refused = await exported("--plain", "--dry-run");
    expect(refused.stdout).toBe(
      `Would write ${PROFILE} to ${written}. A file is there: it would be refused without \`--replace\`.\n`,
    );
    for (const option of ["--replace", "--yes"]) {
      expect((await exported("--dry-run", option)).stdout).toContain("A file is there: it would be replaced.");
      expect((await exported("--dry-run", option, "--json")).json()).toMatchObject({ exists: true, replaces: true });
    }
    expect((await exported("--dry-run", "--generation", "99")).code).toBe(3);
    await saveFiles(target, files);
    expect((await runCli(importing)).stdout).toContain("exactly so");
    await saveFiles(target, linkedProfileFiles("5511988887777", { "Default/IndexedDB/x/1.ldb": Buffer.from("x") }));
    expect((await runCli(importing)).stdout).toContain("Another version is there: it would be refused");
    const [no, yes] = [await runCli([...importing, "--json"]), await runCli([...importing, "--replace", "--json"])];
    expect(no.json()).toMatchObject({ there: { session: PROFILE }, unchanged: false, replaces: false });
    expect(yes.json()).toMatchObject({ otherPhone: false, unchanged: false, replaces: true });
  });

  it("name what is absent", async () => {
    const absent = await runCli(["export", "suport", "--store", address, "--plain"]);
    expect(absent).toMatchObject({ code: 3, stderr: expect.stringContaining(PROFILE) });
    const generation = await exported("--plain", "--generation", "99");
    expect(generation).toMatchObject({ code: 3, stderr: expect.stringContaining("99") });
    expect((await exported("--plain", "--generation", "x")).code).toBe(2);
    await writeFile(join(root, "text"), "hello");
    const text = await runCli(["import", join(root, "text"), "--store", other]);
    expect(text).toMatchObject({ code: 2, stderr: expect.stringContaining("it is text") });
  });
});

describe("wa-vault pull and push", () => {
  it("take a session to a LocalAuth and back", async () => {
    const data = join(root, ".wwebjs_auth");
    const pulled = await runCli(["pull", "support", data, "--store", address]);
    expect(pulled).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("as local-auth") });
    expect(pulled.stdout).toContain(`A LocalAuth with \`clientId: "support"\` and this \`dataPath\` opens it: ${data}`);
    assertSameFiles(await filesIn(join(data, "session-support")), files);
    const pushed = await runCli(["push", data, "help", "--store", other]);
    expect(pushed).toMatchObject({ code: 0, stderr: "" });
    assertSameFiles(await filesOf(target, folder(), { session: "RemoteAuth-help" }), files);
  });

  it("take a session to a zip and back, and import a zip by its name", async () => {
    const zip = join(root, "RemoteAuth-support.zip");
    expect((await runCli(["pull", "support", zip, "--store", address, "--json"])).json()).toMatchObject({
      store: address,
      session: PROFILE,
      kind: "profile",
      form: "zip",
      path: zip,
      generation: expect.toSatisfy(Number.isInteger),
      rejected: false,
      replaced: false,
      ms: expect.toSatisfy(Number.isInteger),
    });
    expect((await runCli(["import", zip, "--store", other])).code).toBe(0);
    assertSameFiles(await filesOf(target, folder()), files);
  });

  it("take a state of Baileys to the store and back", async () => {
    const source = await multiFileOf(sampleState(2), join(root, "baileys_auth_info"));
    expect((await runCli(["import", source, "--store", address])).code).toBe(2);
    const pushed = await runCli(["push", source, "support", "--store", other]);
    expect(pushed).toMatchObject({ code: 0, stdout: expect.stringMatching(/Baileys-support now \(\d+ records/) });
    const pulled = await runCli(["pull", RECORDS, join(root, "copy"), "--store", other, "--json"]);
    expect(pulled.json()).toMatchObject({ session: RECORDS, kind: "records", form: "multi-file" });
    assertSameFiles(await filesIn(join(root, "copy")), await filesIn(source));
    const exported = await runCli(["export", RECORDS, join(root, "b"), "--plain", "--store", other]);
    expect(exported.code).toBe(0);
    expect((await runCli(["import", join(root, "b"), "--store", address])).code).toBe(0);
    const zip = ["pull", "Baileys-support", join(root, "z.zip"), "--form", "zip", "--store", other];
    for (const more of [[], ["--dry-run"]]) expect((await runCli([...zip, ...more])).code).toBe(2);
    expect((await runCli(["import", source, "support", "--dry-run", "--json", "--store", other])).json()).toMatchObject(
      {
        kind: "records",
        form: "multi-file",
        there: { session: RECORDS },
        unchanged: true,
      },
    );
  });

  it("say of a session of Baileys that a bot has what can be done, also with --dry-run", async () => {
    await saveRecords(store, { creds: Buffer.from("x") });
    const lease = await store.acquire({ session: RECORDS });
    for (const dry of [[], ["--dry-run"]]) {
      const held = await runCli(["pull", RECORDS, join(root, "copy"), "--store", address, ...dry]);
      expect(held).toMatchObject({ code: 6, stdout: "", stderr: expect.stringContaining("`wa-vault unlock`") });
      expect(held.stderr).not.toContain("`force`");
    }
    await lease.release();
  });

  it("refuse with --dry-run as well to replace a profile that a browser has open", async () => {
    const place = join(root, "profile");
    await writeFiles(profileFiles("mine"), place);
    const browser = spawn(process.execPath, ["-e", "process.stdin.resume()", "--", `--user-data-dir=${place}`]);
    await once(browser, "spawn");
    await symlink(`${hostname()}-${browser.pid}`, join(place, "SingletonLock"));
    const dry = await runCli(["pull", "support", place, "--store", address, "--dry-run", "--replace"]);
    browser.kill();
    expect(dry).toMatchObject({ code: 6, stdout: "", stderr: expect.stringContaining(`process ${browser.pid}`) });
  });

  it("ask before they replace something, and say what they would do", async () => {
    const place = join(root, "profile");
    await writeFiles(profileFiles("mine"), place);
    const pulling = ["pull", "support", place, "--store", address];
    expect((await runCli([...pulling, "--dry-run"])).stdout).toBe(
      `Would write ${PROFILE} to ${place}, as profile. Something is there: it would be refused without \`--replace\`.\n`,
    );
    expect((await runCli([...pulling, "--dry-run"], { columns: 200 })).stdout).toContain("you would be asked");
    expect((await runCli([...pulling, "--dry-run", "--replace", "--json"])).json()).toMatchObject({
      exists: true,
      replaces: true,
    });
    expect((await runCli([...pulling, "--dry-run", "--generation", "99"])).code).toBe(3);
    const refused = await runCli(pulling);
    expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace` replaces what is there") });
    expect((await runCli(pulling, { columns: 80, input: "n\n" })).code).toBe(130);
    assertSameFiles(await filesIn(place), profileFiles("mine"));
    const pushing = ["push", place, "sales", "--store", address, "--dry-run", "--json"];
    expect((await runCli(pushing)).json()).toMatchObject({ session: "RemoteAuth-sales", dryRun: true, files: 3 });
    expect(await store.state({ session: "RemoteAuth-sales" })).toBeUndefined();
    const { code, stderr } = await runCli([...pulling, "--yes"]);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("What was there is ") });
    assertSameFiles(await filesIn(place), files);
    expect((await runCli([...pulling, "--replace", "--json"])).json()).toMatchObject({ replaced: true });
  });

  it("say of a deleted session which command brings it back", async () => {
    await store.delete({ session: PROFILE });
    const pulled = await runCli(["pull", "support", join(root, "profile"), "--store", address]);
    expect(pulled).toMatchObject({ code: 3, stderr: expect.stringContaining("`wa-vault undelete` brings it back") });
  });

  it("pull an older generation", async () => {
    const first = (await store.state({ session: PROFILE }))?.current?.generation;
    await saveFiles(store, profileFiles("newer"));
    const place = join(root, "profile");
    await runCli(["pull", "support", place, "--generation", String(first), "--store", address]);
    assertSameFiles(await filesIn(place), files);
  });

  it("refuse a profile that does not verify", async () => {
    const place = join(root, "session-bad");
    await writeFiles({ ...files, "Default/Local Storage/leveldb/CURRENT": Buffer.from("x") }, place);
    for (const dry of [[], ["--dry-run"]]) {
      const refused = await runCli(["push", place, "bad", "--store", address, ...dry]);
      expect(refused.code).toBe(5);
    }
    const zip = join(root, "RemoteAuth-bad.zip");
    await writeZip({ "Default/x": Buffer.from("x") }, zip);
    expect((await runCli(["import", zip, "--store", address])).code).toBe(5);
    expect(await store.state({ session: "RemoteAuth-bad" })).toBeUndefined();
  });
});

describe("each of these commands", () => {
  const commands = (): [string, string[]][] => [
    ["export", ["export", "support", join(root, "x.wavault"), "--plain", "--store", address]],
    ["import", ["import", join(root, "in.zip"), "a", "--store", address]],
    ["pull", ["pull", "support", join(root, "profile"), "--store", address]],
    ["push", ["push", join(root, "session-in"), "b", "--store", address]],
  ];

  beforeEach(async () => {
    await writeFiles(files, join(root, "session-in"));
    await writeZip(files, join(root, "in.zip"));
  });

  it.each(["export", "import", "pull", "push"])("%s fits its help and its result into 40 columns", async (name) => {
    const [, args = []] = commands().find(([each]) => each === name) ?? [];
    const help = await runCli([name, "--help"], { columns: 40 });
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Examples:");
    const done = await runCli(args, { columns: 40 });
    expect(done.code).toBe(0);
    // Paths and names are not cut; nothing else is that long.
    const lines = done.stdout.split("\n").flatMap((line) => line.split(" ").filter((word) => !word.includes("/")));
    expect(widest(lines.join("\n"))).toBeLessThanOrEqual(40);
  });

  it.each(["export", "import", "pull", "push"])(
    "%s ends with 130 when it is ended, and leaves nothing",
    async (name) => {
      const [, args = []] = commands().find(([each]) => each === name) ?? [];
      await mkdir(join(root, "tmp"));
      vi.stubEnv("TMPDIR", join(root, "tmp"));
      const before = await readdir(root);
      const ended = await runCli(args, { signal: AbortSignal.abort() });
      expect(ended).toMatchObject({ code: 130, stdout: "" });
      expect(await readdir(root)).toEqual(before);
      expect(await readdir(join(root, "tmp"))).toEqual([]);
      for (const session of ["RemoteAuth-a", "RemoteAuth-b"]) expect(await store.state({ session })).toBeUndefined();
    },
  );
});
