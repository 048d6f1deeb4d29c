import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { EXIT_CODES } from "../../cli/exit-codes.ts";
import { useFolder } from "../support/folder.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();

describe("--store", () => {
  it.each([
    "redis://:hush@host",
    "redis://user:hush@host:6379/0",
    "redis://hush@host",
    "redis://host?password=hush",
    "redis+sentinel://host/m?sentinel_password=hush",
    "s3://AKIAKEY:hush@bucket",
    "s3://bucket?accessKeyId=AKIAKEY&secretAccessKey=hush",
    "s3://bucket?sessionToken=hush",
    "s3://bucket?X-Amz-Signature=hush",
    "mongodb://user:hush@host/db",
    "mongodb+srv://user:hush@host/db",
    "mongodb://host/db?tlsCertificateKeyFilePassword=hush",
    "mongodb://host/db?authMechanismProperties=AWS_SESSION_TOKEN:hush",
    "postgres://user:hush@host/db",
    "postgresql://host/db?user=me&password=hush",
    "postgres://host/db?sslpassword=hush",
  ])("refuses %s: others can read it in the list of processes", async (store) => {
    for (const more of [[], ["--json"]]) {
      const { code, stdout, stderr } = await runCli(["ls", "--store", store, ...more]);
      expect({ code, stdout }).toEqual({ code: EXIT_CODES.INVALID, stdout: "" });
      expect(stderr).toContain("has a password, which others can read in the list of processes");
      expect(stderr).toContain("WA_VAULT_STORE");
      expect(stderr).not.toContain("hush");
    }
  });

  it.each(["redis://:hush/x@host", "mongodb://u:hush#x@host/db", "mong://u:hush@host/db", "hush"])(
    "shows nothing of %s, which cannot be read",
    async (store) => {
      const { code, stderr } = await runCli(["ls", "--store", store]);
      expect(code).toBe(EXIT_CODES.INVALID);
      expect(stderr).toMatch(/^INVALID: The address of the store/);
      expect(stderr).not.toContain("hush");
    },
  );

  it("takes users without a password, and paths of files", async () => {
    const { stderr } = await runCli(["ls", "--store", "postgres://me@host/db?sslkey=/nowhere/key.pem"]);
    expect(stderr).toContain("`sslkey` of the address names a file that is not there: /nowhere/key.pem.");
  });

  it("may be left out where the environment names the store, and may have a password there", async () => {
    const address = `file:${folder()}`;
    expect((await runCli(["ls"], { env: { WA_VAULT_STORE: address } })).stderr).toContain("has no sessions");
    const file = join(folder(), "store");
    writeFileSync(file, `${address}\n`);
    expect((await runCli(["ls"], { env: { WA_VAULT_STORE_FILE: file } })).stderr).toContain("has no sessions");
    const { stderr } = await runCli(["ls"], { env: { WA_VAULT_STORE: "redis://:hush@host/x" } });
    expect(stderr).toContain("number of a database");
    expect(stderr).not.toContain("hush");
    const none = await runCli(["ls"]);
    expect(none.code).toBe(EXIT_CODES.INVALID);
    expect(none.stderr).toMatch(/^INVALID: No store is named\.\n.*`--store file:\.\/sessions`/);
  });
});

it("says that the folder of the process was removed, where a path counts from it", async () => {
  const cwd = vi.spyOn(process, "cwd").mockImplementation(() => {
    throw Object.assign(new Error("ENOENT: no such file or directory, uv_cwd"), { code: "ENOENT", syscall: "uv_cwd" });
  });
  try {
    const { code, stderr } = await runCli(["ls", "--store", "file:./sessions"]);
    expect(stderr).toContain("The folder that this command was started in is not there any more.");
    expect(code).toBe(EXIT_CODES.UNAVAILABLE);
  } finally {
    cwd.mockRestore();
  }
});

describe("--version", () => {
  it("prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    for (const option of ["--version", "-V"]) {
      expect(await runCli([option])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
    }
  });
});
