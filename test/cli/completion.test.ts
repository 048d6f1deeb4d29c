import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { wordsOf } from "../../cli/completion/candidates.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { useFolder } from "../support/folder.ts";
import { findInstalled } from "../support/services/path.ts";
import { obtainZsh } from "../support/services/programs.ts";
import { suiteWith } from "../support/services/suite.ts";
import { commandFolder } from "./support/command.ts";
import { runCli } from "./support/run-cli.ts";

const folder = useFolder();
let directory: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = join(folder(), "sessions");
  env = { WA_VAULT_STORE: `file:${directory}` };
  const store = new FileStore({ directory });
  for (const session of ["RemoteAuth-support", "RemoteAuth-sales", "Baileys-sales"]) {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("x")) });
    await lease.release();
  }
});

/** The words that complete a line. */
async function complete(line: string, by: NodeJS.ProcessEnv = env): Promise<string[]> {
  const { code, stdout, stderr } = await runCli(["complete", "--", line], { env: by });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .split("\n")
    .filter((one) => one !== "")
    .map((one) => one.split("\t")[0] ?? "");
}

describe("completion", () => {
  it("knows commands, options that are not there yet, choices and sessions", async () => {
    expect(await complete("wa-vault ")).toEqual(expect.arrayContaining(["ls", "show", "verify", "doctor"]));
    expect(await complete("wa-vault ")).not.toContain("complete");
    expect(await complete("wa-vault ver")).toEqual(["verify"]);
    expect(await complete("wa-vault --")).toEqual(expect.arrayContaining(["--version", "--no-color", "--help"]));
    expect(await complete("wa-vault ls --l")).toEqual(["--long"]);
    expect(await complete("wa-vault ls --long --")).not.toContain("--long");
    expect(await complete("wa-vault completion ")).toEqual(["bash", "zsh"]);
    const all = ["Baileys-sales", "RemoteAuth-sales", "RemoteAuth-support"];
    expect(await complete("wa-vault show ")).toEqual(all);
    expect(await complete("wa-vault show Rem")).toEqual(all.slice(1));
    // The part that the bot's code has, where it means one session.
    expect(await complete("wa-vault show su")).toEqual(["support"]);
    expect(await complete("wa-vault show sa")).toEqual([]);
    expect(await complete("wa-vault --no-color verify Baileys-sales --history B")).toEqual(["Baileys-sales"]);
  });

  it("knows where no name of a session stands", async () => {
    for (const line of [
      "wa-vault show support ",
      "wa-vault ls ",
      "wa-vault ls --store ",
      "wa-vault show --store fi",
      "wa-vault nothing ",
      "wa-vault doctor --data-path ",
    ]) {
      expect(await complete(line), line).toEqual([]);
    }
  });

  it("goes by the store of the line, and is silent when that does not help", async () => {
    const here = `file:${directory}`;
    for (const line of [
      `wa-vault show --store ${here} sup`,
      `wa-vault show --store=${here} sup`,
      `wa-vault show --store '${here}' sup`,
    ]) {
      expect(await complete(line, {}), line).toEqual(["support"]);
    }
    expect(await complete("wa-vault show ", {})).toEqual([]);
    expect(await complete("wa-vault show --store nonsense ")).toEqual([]);
    expect(await complete("wa-vault show --store redis://a:b@127.0.0.1 ")).toEqual([]);
    const closed = `postgres://127.0.0.1:${CLOSED_PORT}/db`;
    expect(await complete(`wa-vault show --store ${closed} `)).toEqual([]);
  });

  it("takes lines apart as shells do", () => {
    expect(wordsOf("")).toEqual([""]);
    expect(wordsOf("wa-vault  ls ")).toEqual(["wa-vault", "ls", ""]);
    expect(wordsOf(`a 'b c'"d e" f\\ g`)).toEqual(["a", "b cd e", "f g"]);
    expect(wordsOf("a 'b")).toEqual(["a", "b"]);
    expect(wordsOf("a \\")).toEqual(["a", ""]);
  });

  it("refuses a shell that it does not know, with those it knows", async () => {
    const { code, stderr } = await runCli(["completion", "tcsh"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/bash.*zsh/);
  });
});

/** The environment of a shell that a person sits at. */
function shellEnv(): NodeJS.ProcessEnv {
  return { ...process.env, ...env, PATH: `${commandFolder()}:${process.env.PATH}`, TERM: "dumb", HISTFILE: "" };
}

describe.skipIf(process.platform === "win32")("completion in bash", () => {
  /** What bash offers for each line, by the function that it calls itself. */
  const offers = (...lines: string[]): string[][] => {
    const script = `
      source <(wa-vault completion bash)
      for line; do
        read -ra COMP_WORDS <<< "$line"; [[ $line == *" " ]] && COMP_WORDS+=("")
        COMP_LINE=$line COMP_POINT=\${#line} COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
        _wa_vault wa-vault
        printf "%s " "\${COMPREPLY[@]}"; echo
      done`;
    const args = ["--norc", "-c", script, "bash", ...lines];
    const out = execFileSync("bash", args, { env: shellEnv(), encoding: "utf8" });
    return out.split("\n").map((line) => line.split(" ").filter(Boolean));
  };

  it("offers commands, options and sessions", () => {
    const lines = ["wa-vault sh", "wa-vault ls --na", "wa-vault show RemoteAuth-s", "wa-vault show "];
    expect(offers(...lines).slice(0, lines.length)).toEqual([
      ["show"],
      ["--names"],
      ["RemoteAuth-sales", "RemoteAuth-support"],
      ["Baileys-sales", "RemoteAuth-sales", "RemoteAuth-support"],
    ]);
  });

  it.skipIf(!findInstalled("script") || process.platform !== "linux")("completes a line at a terminal", () => {
    const out = atTerminal("bash --norc --noprofile -i", [
      "source <(wa-vault completion bash)",
      "wa-vault show sup\t --names-no-option",
      "exit",
    ]);
    expect(out).toMatch(/wa-vault show support +--names-no-option/);
  });
});

await suiteWith("completion in zsh", obtainZsh, () => {
  it("is a script that zsh takes", async () => {
    const file = join(folder(), "_wa-vault");
    writeFileSync(file, (await runCli(["completion", "zsh"])).stdout);
    expect(spawnSync("zsh", ["-n", file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  it.skipIf(!findInstalled("script") || process.platform !== "linux")("completes a line at a terminal", () => {
    const out = atTerminal("zsh -f -i", [
      "autoload -Uz compinit; compinit -u -D",
      "source <(wa-vault completion zsh)",
      "wa-vault show sup\t --names-no-option",
      "wa-vault verif\t --no-such-option",
      "exit",
    ]);
    expect(out).toMatch(/wa-vault show support +--names-no-option/);
    expect(out).toMatch(/wa-vault verify +--no-such-option/);
  });
});

/** Types lines into a shell that has a terminal of its own. @returns what the terminal shows */
function atTerminal(shell: string, lines: readonly string[]): string {
  const { stdout } = spawnSync("script", ["-qec", shell, "/dev/null"], {
    input: lines.map((line) => `${line}\n`).join(""),
    env: shellEnv(),
    encoding: "utf8",
    timeout: 120_000,
  });
  return stripVTControlCharacters(stdout).replaceAll(/[^\P{Cc}\n]/gu, "");
}
