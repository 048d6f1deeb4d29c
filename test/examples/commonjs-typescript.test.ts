import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { onlyLong } from "../support/length.ts";
import { type Project, projectIn, root } from "../support/packed-package.ts";
import { useRig } from "../support/rig.ts";
import { scratchFolder } from "../support/scratch.ts";
import { Example, folder } from "./example.ts";

const rig = useRig();
const cwd = join(scratchFolder("commonjs-"), "project");

let project: Project;
beforeAll(async () => {
  mkdirSync(cwd);
  project = await projectIn(cwd);
  project.provide("@types/node", "qrcode-terminal", "@types/qrcode-terminal", "whatsapp-web.js");
  cpSync(join(folder, "commonjs-typescript"), cwd, { recursive: true });
}, 650_000);

const OLD = ["--module", "commonjs", "--moduleResolution", "node10"];

describe("examples/commonjs-typescript", () => {
  it.each([
    ["7", "typescript", []],
    ...onlyLong<[string, string, string[]]>(["6", "typescript-6", []]),
    ["5.6", "@arethetypeswrong/core/node_modules/typescript", OLD],
  ])("is compiled to CommonJS by TypeScript %s", (version, compiler, options) => {
    const path = join(root, "node_modules", compiler);
    expect(JSON.parse(readFileSync(join(path, "package.json"), "utf8")).version.startsWith(`${version}.`)).toBe(true);
    rmSync(join(cwd, "dist"), { recursive: true, force: true });
    expect(project.run("node", [join(path, "bin/tsc"), ...options])).toBe("");
    expect(readFileSync(join(cwd, "dist/bot.js"), "utf8")).toContain('require("wa-vault/fs")');
  });

  it("links once with the packed package, and is ready without a QR afterwards", async () => {
    project.run("node", [join(root, "node_modules/typescript/bin/tsc")]);
    const resolved = project.run("node", ["-p", "require.resolve('wa-vault')"]);
    expect(resolved.trim()).toBe(join(cwd, "node_modules/wa-vault/dist/lib/index.js"));
    const bot = (): Example => new Example(join(cwd, "dist/bot.js"), cwd, [], { SESSIONS: sessions });
    const sessions = rig.folder();
    const first = bot();
    await first.until("remote_session_saved");
    expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    rmSync(join(cwd, ".wwebjs_auth"), { recursive: true });
    const second = bot();
    await second.until("ready");
    expect(second.events).toContain("remote_session_restored");
    expect(second.events).not.toContain("qr");
    await second.end("SIGTERM");
  });
});
