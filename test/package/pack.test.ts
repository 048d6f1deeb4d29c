import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { entries, exports, type Project, peers, projectIn, root, run } from "../support/packed-package.ts";
import { scratchFolder } from "../support/scratch.ts";
import { zstdChunk, zstdContent } from "../vault/support/zstd-frames.ts";

/** What must load where nothing but the package and its dependencies are installed. */
const alone = ["wa-vault", "wa-vault/fs", "wa-vault/memory", "wa-vault/wapi"];

const folder = scratchFolder("packed-");
const project = join(folder, "project");

let packed: Project;
beforeAll(async () => {
  mkdirSync(project);
  packed = await projectIn(project);
}, 650_000);

/** The documents that a person reads, in the installed package. */
const installed = join(project, "node_modules/wa-vault");
const pages = [
  "README.md",
  "docs/deployment.md",
  "docs/deploy/aws.md",
  "docs/deploy/docker.md",
  "docs/deploy/fly.md",
  "docs/deploy/kubernetes.md",
  "docs/deploy/many-sessions.md",
  "docs/deploy/processes.md",
  "docs/deploy/read-only.md",
  "docs/backups.md",
  "docs/how-it-works.md",
  "docs/observability.md",
  "docs/recovery.md",
  "docs/stores.md",
  "docs/security.md",
  "docs/status-page.md",
  "docs/strategies.md",
  "docs/wapi.md",
  "docs/writing-an-adapter.md",
  "docs/moving.md",
  "docs/troubleshooting.md",
  "docs/what-dies.md",
  "docs/benchmark.md",
  "docs/benchmark-baileys.md",
  "docs/dependencies.md",
];

/** The anchors of a page. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe("the package", () => {
  it("holds what is built, its documents, and nothing else", () => {
    const files = run("tar", ["-tzf", packed.tarball], folder).split("\n").filter(Boolean);
    const top = new Set(files.map((file) => file.split("/").slice(0, 3).join("/")));
    for (const file of ["LICENSE", "README.md", "package.json"]) expect(top).toContain(`package/${file}`);
    const formats = ["package/lib/session-file/FORMAT.md", "package/lib/vault/FORMAT.md"];
    for (const format of formats) expect(files).toContain(format);
    for (const name of ["index.html", "app.js", "base.css"])
      expect(files).toContain(`package/dist/cli/serve/page/${name}`);
    const others = files.filter(
      (file) => !/^package\/((dist|docs|examples)\/|LICENSE$|[A-Z]+\.md$|package\.json$)/.test(file),
    );
    expect(others.sort()).toEqual(formats);
    const tests = files.filter((file) => file.includes("/test/") && !file.startsWith("package/dist/test/contract/"));
    expect(tests).toEqual([]);
  });

  it("has no link in its documents that leads nowhere", () => {
    for (const page of pages) {
      const text = readFileSync(join(installed, page), "utf8");
      for (const [, path = "", heading] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
        const target = path === "" ? page : join(dirname(page), path);
        const linked = readFileSync(join(installed, target), "utf8");
        if (heading !== undefined) expect(headings(linked), `${page} -> ${target}`).toContain(heading);
      }
    }
  });

  it("loads where no client library is installed", () => {
    const imported = packed.load("import", alone);
    expect(imported["wa-vault"]).toEqual(expect.arrayContaining(["LocalAuth", "NoAuth", "RemoteAuth", "VaultError"]));
    expect(imported["wa-vault/fs"]).toContain("FileStore");
    expect(packed.load("require", alone)).toEqual(imported);
  });

  it("works when it is required", () => {
    const script = `
      const { RemoteAuth } = require("wa-vault");
      const { FileStore } = require("wa-vault/fs");
      const store = new FileStore({ directory: "sessions" });
      new RemoteAuth({ store, backupSyncIntervalMs: 60000 });
      store.sessionExists({ session: "RemoteAuth" }).then((exists) => console.log(exists));`;
    expect(packed.run("node", ["--throw-deprecation", "--input-type=commonjs", "-e", script])).toBe("false\n");
  });

  it("installs no other packages than docs/dependencies.md says", () => {
    const { packages } = JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8"));
    expect(Object.keys(packages).sort()).toEqual(
      ["commander", "pend", "uqr", "wa-vault", "yauzl", "zstddec"].map((name) => `node_modules/${name}`),
    );
    const page = readFileSync(join(installed, "docs/dependencies.md"), "utf8");
    for (const name of ["commander", "pend", "uqr", "yauzl", "zstddec"]) expect(page).toContain(`\`${name}\``);
  });

  it("loads yauzl with itself, and reads zips with it", () => {
    writeFileSync(join(project, "empty.zip"), "");
    const script = `
      const isLoaded = () => Object.keys(require.cache).some((path) => path.includes("yauzl"));
      (async () => {
        for (const entry of ${JSON.stringify(alone)}) await import(entry);
        const { FileStore } = await import("wa-vault/fs");
        const before = isLoaded();
        const store = new FileStore({ directory: "sessions" });
        const saved = store.save({ session: "RemoteAuth-zip", path: "empty.zip" });
        const { code } = await saved.catch((error) => error);
        console.log(JSON.stringify({ before, code }));
      })();`;
    const said = JSON.parse(packed.run("node", ["--input-type=commonjs", "-e", script]));
    expect(said).toEqual({ before: true, code: "CORRUPT" });
  });

  it("reads zstd with zstddec where Node has no zstd, and takes nothing for damage where zstddec is missing", () => {
    const script = `
      const zlib = require("node:zlib");
      zlib.createZstdCompress = zlib.createZstdDecompress = undefined;
      import("./node_modules/wa-vault/dist/lib/vault/frame.js")
        .then(({ readFrame, contentOf }) => {
          const frame = readFrame("chunk", Buffer.from("${zstdChunk.toString("base64")}", "base64"), "it");
          return contentOf(frame, "it");
        })
        .then((content) => console.log(content.length), (error) => console.log(error.code));`;
    const read = (): string => packed.run("node", ["-e", script]).trim();
    expect(read()).toBe(String(zstdContent.length));
    const [there, away] = ["zstddec", "zstddec-away"].map((name) => join(project, "node_modules", name));
    renameSync(there as string, away as string);
    expect(read()).toBe("INVALID");
    renameSync(away as string, there as string);
  });

  it("computes CRC-32C with its optional dependency where that is installed, and without it where it is not", () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const page = readFileSync(join(installed, "docs/dependencies.md"), "utf8");
    const optional = Object.keys(optionalDependencies);
    for (const name of optional) expect(page).toContain(`\`${name}\``);
    const script = `
      import("./node_modules/wa-vault/dist/lib/profile/leveldb/native-crc32c.js")
        .then(({ findNativeCrc32c }) => console.log(typeof findNativeCrc32c()));`;
    expect(packed.run("node", ["-e", script])).toBe("undefined\n");
    packed.provide(...optional);
    expect(packed.run("node", ["-e", script])).toBe("function\n");
  });

  it("has entries that are all imported and required", () => {
    packed.provide(...peers);
    const imported = packed.load("import", entries);
    for (const entry of entries) expect(imported[entry], entry).not.toEqual([]);
    expect(packed.load("require", entries)).toEqual(imported);
  });

  it("has the same entries for tools that do not read `exports`", () => {
    const { main, types, typesVersions } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const before: Record<string, string[]> = { ".": [types], ...typesVersions["*"] };
    const old = Object.entries(before).map(([name, [path]]) => [name.replace(/^\w/, "./$&"), path]);
    const now = Object.entries(exports).filter(([name]) => name !== "./package.json");
    expect(Object.fromEntries(old)).toEqual(
      Object.fromEntries(now.map(([name, path]) => [name, path.replace(/js$/, "d.ts")])),
    );
    expect(main).toBe(exports["."]);
    for (const [, path = ""] of old) readFileSync(join(installed, path));
  });

  it("has documents whose code compiles", () => {
    packed.provide("@types/node", "@types/pg", "qrcode-terminal", "@types/qrcode-terminal", ...peers);
    const code = pages.flatMap((page) =>
      [...readFileSync(join(installed, page), "utf8").matchAll(/```js\n(.*?)```/gs)].map(([, text = ""]) => text),
    );
    // The shell of MongoDB is no JavaScript of ours.
    const modules = code.filter((text) => !text.startsWith("db."));
    expect(modules.length).toBeGreaterThan(8);
    for (const [index, text] of modules.entries()) {
      writeFileSync(join(project, `page${index}.ts`), `${text}\nexport {};\n`);
    }
    // What the text around the code speaks of.
    const known = `import type { VaultError } from "wa-vault"; import type { FileStore } from "wa-vault/fs";
      declare global {
        const store: FileStore; const oldStore: FileStore;
        const client: {
          on(
            event: "remote_session_error" | "remote_session_interrupted",
            told: (error: VaultError) => void,
          ): void;
          initialize(): Promise<void>;
          destroy(): Promise<void>;
        };
      }`;
    writeFileSync(join(project, "known.d.ts"), known);
    compile("nodenext", ["page*.ts", "known.d.ts"]);
  });

  it("has suites that run as the README says", () => {
    const readme = readFileSync(join(installed, "README.md"), "utf8");
    const code = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, text = ""]) => text);
    const suites = code.find((text) => text.includes("wa-vault/testing")) ?? "";
    writeFileSync(join(project, "suites.test.mjs"), suites);
    expect(packed.run("node", ["--test", "suites.test.mjs"])).toMatch(/^. tests [2-9]\d$/m);
  });

  it("has examples that run where they are copied to, in a CommonJS project too", () => {
    const bot = join(folder, "bot");
    mkdirSync(bot);
    writeFileSync(join(bot, "package.json"), "{}");
    symlinkSync(join(project, "node_modules"), join(bot, "node_modules"));
    cpSync(join(installed, "examples/recover.mts"), join(bot, "recover.mts"));
    const said = run(join(root, "node_modules/.bin/tsx"), ["recover.mts", "RemoteAuth-support"], bot);
    expect(said).toBe("RemoteAuth-support: nothing was ever stored here.\n");
  });

  it("has types that a strict project compiles, together with whatsapp-web.js", () => {
    packed.provide("@types/node", ...peers);
    const imports = entries.map((entry, index) => `import * as entry${index} from "${entry}";`);
    const uses = entries.map((_, index) => `export type T${index} = keyof typeof entry${index};`);
    const example = readFileSync(join(root, "examples/four-method-store.mts"), "utf8").replaceAll(/^.*qrcode.*$/gm, "");
    writeFileSync(join(project, "entries.ts"), [...imports, ...uses].join("\n"));
    writeFileSync(join(project, "example.ts"), example);
    for (const resolution of ["nodenext", "bundler"]) compile(resolution, ["entries.ts", "example.ts"]);
  });
});

/** Compiles files of the project as a strict one. */
function compile(resolution: string, include: readonly string[]): void {
  const compilerOptions = {
    module: resolution === "nodenext" ? "nodenext" : "preserve",
    moduleResolution: resolution,
    target: "es2022",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
  };
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  expect(packed.run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", project])).toBe("");
}
