import { execFile } from "node:child_process";
import { chmodSync, closeSync, constants, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { encryptionFromEnvironment } from "../../address/encryption-from-environment.ts";
import { fromEnvironment } from "../../address/environment.ts";
import { storeFromUrl } from "../../address/store-from-url.ts";
import { useFolder } from "../support/folder.ts";
import { expectNoSecret, refusalOf } from "./support/refused.ts";

const folder = useFolder();
const KEY = Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString("base64");
const OTHER = Buffer.from(Array.from({ length: 32 }, (_, at) => at + 100)).toString("hex");

/** A file with these bytes. */
function fileWith(content: string | Buffer): string {
  const path = join(folder(), "secret");
  writeFileSync(path, content);
  return path;
}

/** What is refused of an environment, with the directory as the store. */
function refusedIn(env: Record<string, string>, code: "INVALID" | "UNAVAILABLE" | "DENIED" = "INVALID") {
  return refusalOf("file:./never-made", { env, code });
}

describe("WA_VAULT_STORE", () => {
  it("is the store where no address is given", async () => {
    const env = { WA_VAULT_STORE: `file:${folder()}` };
    expect((await storeFromUrl(undefined, { env })).address).toBe(env.WA_VAULT_STORE);
    const file = fileWith(`\u{FEFF}${env.WA_VAULT_STORE}\r\n`);
    expect((await storeFromUrl(undefined, { env: { WA_VAULT_STORE_FILE: file } })).address).toBe(env.WA_VAULT_STORE);
    // An address that is given comes first, and the variable is not looked at.
    expect((await storeFromUrl("file:./x", { env: { WA_VAULT_STORE: "" } })).address).toBe("file:./x");
  });

  it("is asked for where it is not set", async () => {
    const error = await refusalOf(undefined);
    expect(error.message).toBe("No store is named.");
    expect(error.hint).toContain("Set WA_VAULT_STORE");
  });

  it("with quotation marks, as a file for Docker keeps them, is refused", async () => {
    const error = await refusalOf(undefined, { env: { WA_VAULT_STORE: '"redis://:hush@host"' } });
    expect(error.hint).toContain("--env-file");
  });
});

describe.each(["WA_VAULT_STORE", "WA_VAULT_KEY", "WA_VAULT_PASSPHRASE"])("%s", (name) => {
  it("is refused when it is set in two ways, or to nothing", async () => {
    const refused = (env: Record<string, string>) => fromEnvironment(env, name).catch((error) => error);
    expect(await refused({ [name]: "hush", [`${name}_FILE`]: "/x" })).toMatchObject({
      code: "INVALID",
      message: `${name} and ${name}_FILE are both set.`,
    });
    for (const empty of ["", " ", "\n", "\u{FEFF}"]) {
      for (const variable of [name, `${name}_FILE`]) {
        const error = await refused({ [variable]: empty });
        expect(error).toMatchObject({ code: "INVALID", message: `${variable} is set, and is empty.` });
      }
    }
    expect(await fromEnvironment({}, name)).toBeUndefined();
  });

  it("comes from a file, without what an editor puts around it", async () => {
    const contents = [
      "text",
      "text\n",
      "text\r\n",
      "\u{FEFF}text\r\n",
      " \ttext \n\n",
      Buffer.from("\u{FEFF}text\r\n", "utf16le"),
    ];
    for (const content of contents)
      expect(await fromEnvironment({ [`${name}_FILE`]: fileWith(content) }, name)).toBe("text");
  });

  it("names the file that is not there, is empty, or is a directory", async () => {
    const read = (path: string) => fromEnvironment({ [`${name}_FILE`]: path }, name);
    const gone = join(folder(), "gone");
    await expect(read(gone)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: `${name}_FILE names a file that is not there: ${gone}.`,
    });
    await expect(read(join(fileWith("x"), "below"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(read(folder())).rejects.toMatchObject({
      code: "INVALID",
      message: /names a directory/,
      hint: /Docker/,
    });
    for (const blank of ["", "\n", "\u{FEFF}"]) {
      await expect(read(fileWith(blank))).rejects.toMatchObject({ code: "INVALID", message: /a file that is empty/ });
    }
  });
});

it("what is too much for a value, or never ends, is refused, and a pipe is read", { timeout: 20_000 }, async () => {
  const read = (path: string) => fromEnvironment({ WA_VAULT_KEY_FILE: path }, "WA_VAULT_KEY");
  const large = fileWith(Buffer.alloc(1024 * 1024 + 1, "x"));
  await expect(read(large)).rejects.toMatchObject({ code: "INVALID", message: /more than a mebibyte/ });
  expect(await read(fileWith("x".repeat(1024 * 1024)))).toHaveLength(1024 * 1024);
  if (process.platform === "win32") return;
  for (const device of ["/dev/zero", "/dev/null"]) {
    await expect(read(device)).rejects.toMatchObject({ code: "INVALID", message: /names a device/ });
  }
  const pipe = join(folder(), "pipe");
  await promisify(execFile)("mkfifo", [pipe]);
  await expect(read(pipe)).rejects.toMatchObject({ code: "INVALID", message: /empty/ });
  // As of `<(…)` in a shell: the writer has it open before the reader comes, and takes its time.
  const both = openSync(pipe, constants.O_RDWR);
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const isTaken = (): boolean => {
    try {
      return writeSync(writer, "\n".repeat(4096)) > 0;
    } catch {
      return false;
    }
  };
  // Full: from now on a write succeeds once the reader has read.
  while (isTaken());
  const reading = read(pipe);
  while (!isTaken()) await setImmediate();
  closeSync(both);
  writeSync(writer, "hush\n");
  closeSync(writer);
  expect(await reading).toBe("hush");
});

it("a file that this user may not read is DENIED", async () => {
  const path = fileWith("hush");
  const script = `
    import { readNamedFile } from ${JSON.stringify(new URL("../../address/environment.ts", import.meta.url).href)};
    // Before that, root may read everything: what it imports too.
    if (process.getuid() === 0) process.seteuid(65534);
    const error = await readNamedFile("WA_VAULT_KEY_FILE", ${JSON.stringify(path)}).catch((error) => error);
    console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }));`;
  chmodSync(path, 0);
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({
    code: "DENIED",
    message: `Could not read the file that WA_VAULT_KEY_FILE names (${path}): EACCES.`,
    hint: "Let the user of this process read that file.",
  });
});

describe("the key of the environment", () => {
  it("is one key, or several, of which the first encrypts", async () => {
    expect(await encryptionFromEnvironment({})).toBeUndefined();
    expect(await encryptionFromEnvironment({ WA_VAULT_KEY: KEY })).toEqual({ key: KEY });
    expect(await encryptionFromEnvironment({ WA_VAULT_KEY: `${KEY}, ${OTHER}` })).toEqual({ keys: [KEY, OTHER] });
    const file = fileWith(`\u{FEFF}${OTHER}\r\n\r\n${KEY}\r\n`);
    expect(await encryptionFromEnvironment({ WA_VAULT_KEY_FILE: file })).toEqual({ keys: [OTHER, KEY] });
    const passphrase = "correct horse battery staple";
    for (const env of [
      { WA_VAULT_PASSPHRASE: passphrase },
      { WA_VAULT_PASSPHRASE_FILE: fileWith(`${passphrase}\r\n`) },
    ]) {
      expect(await encryptionFromEnvironment(env)).toEqual({ passphrase });
    }
  });

  it("is refused when it is none, without being shown", async () => {
    const wrong: [env: Record<string, string>, message: RegExp, hint?: RegExp][] = [
      [{ WA_VAULT_KEY: Buffer.from("hush-hush-hush-hush").toString("base64") }, /base64 of 19 bytes/],
      [{ WA_VAULT_KEY: "hush hush hush" }, /neither base64 nor hexadecimal/, /WA_VAULT_PASSPHRASE/],
      [{ WA_VAULT_KEY: `"${KEY}"` }, /quotation marks/],
      [{ WA_VAULT_KEY: "/run/secrets/key" }, /the path of a file/, /WA_VAULT_KEY_FILE/],
      [{ WA_VAULT_KEY: `${KEY},hush` }, /WA_VAULT_KEY/],
      [{ WA_VAULT_KEY: "," }, /names no key/],
      [{ WA_VAULT_KEY_FILE: fileWith("hush") }, /WA_VAULT_KEY_FILE/],
      [{ WA_VAULT_PASSPHRASE: "hush" }, /`WA_VAULT_PASSPHRASE` to be a passphrase: it has 4 characters/],
      [{ WA_VAULT_PASSPHRASE: " hush hush hush " }, /begins with a blank/],
      [{ WA_VAULT_KEY: KEY, WA_VAULT_PASSPHRASE: "hush hush hush" }, /are both set/],
      [{ WA_VAULT_KEY_FILE: fileWith(KEY), WA_VAULT_PASSPHRASE: "hush hush hush" }, /are both set/],
    ];
    for (const [env, message, hint = /./] of wrong) {
      const error = await refusedIn(env);
      expect(error.message).toMatch(message);
      expect(error.hint).toMatch(hint);
      expectNoSecret(error);
    }
    expect((await refusedIn({ WA_VAULT_KEY_FILE: join(folder(), "gone") }, "UNAVAILABLE")).hint).toContain("mounted");
  });

  it("is not looked at where the options have one", async () => {
    const directory = join(folder(), "x");
    mkdirSync(directory);
    await storeFromUrl(`file:${directory}`, { env: { WA_VAULT_KEY: "" }, encryption: { key: KEY } });
  });
});
