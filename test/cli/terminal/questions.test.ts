import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { Questions } from "../../../cli/terminal/questions.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { exitOf } from "../../support/child-exit.ts";
import { useFolder } from "../../support/folder.ts";
import { findInstalled } from "../../support/services/path.ts";
import { commandFolder } from "../support/command.ts";

const folder = useFolder();
const never = new AbortController().signal;

/** A terminal, and in which mode it is. */
class Terminal extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }
}

function asked(): { input: Terminal; questions: Questions; shown: () => string } {
  const [input, output] = [new Terminal(), new PassThrough()];
  let text = "";
  output.on("data", (chunk) => {
    text += chunk;
  });
  return { input, questions: new Questions(input as unknown as NodeJS.ReadStream, output), shown: () => text };
}

describe("questions", () => {
  it("take what was typed ahead, whole lines and the beginning of one, shown or not", async () => {
    const { input, questions, shown } = asked();
    input.write("first\nsecond\nthi");
    expect(await questions.ask("1?", never)).toBe("first");
    expect(await questions.ask("2?", never)).toBe("second");
    const third = questions.ask("3?", never);
    input.write("rd \n");
    expect(await third).toBe("third");
    input.write("secret\nsecret\n");
    expect(await questions.askHidden(["a: ", "b: "], never)).toEqual(["secret", "secret"]);
    input.write("last\n");
    expect(await questions.ask("4?", never)).toBe("last");
    expect(shown()).not.toContain("secret");
    for (const question of ["1? ", "2? ", "3? ", "a: ", "b: ", "4? "]) expect(shown()).toContain(question);
  });

  it.each([false, true])("leave the terminal as it was once they are answered (hidden: %s)", async (isHidden) => {
    const { input, questions } = asked();
    const answer = isHidden ? questions.askHidden(["?"], never) : questions.ask("?", never);
    expect(input.isRaw).toBe(true);
    input.write("y\n");
    await answer;
    expect(input.isRaw).toBe(false);
    expect(input.isPaused()).toBe(true);
  });

  it.each([
    ["Ctrl-C", "\u0003", false],
    ["Ctrl-C", "\u0003", true],
    ["Ctrl-D", "\u0004", false],
    ["Ctrl-D", "\u0004", true],
  ])("end at %s, and so do the next ones", async (_, key, isHidden) => {
    const { input, questions } = asked();
    const answer = isHidden ? questions.askHidden(["?"], never) : questions.ask("?", never);
    input.write(key);
    await expect(answer).rejects.toMatchObject({ code: "CANCELLED" });
    expect(input.isRaw).toBe(false);
    await expect(questions.ask("again?", never)).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("end at a signal, and at the end of what is piped", async () => {
    const { input, questions } = asked();
    const ended = new AbortController();
    const answer = questions.askHidden(["?"], ended.signal);
    ended.abort();
    await expect(answer).rejects.toBe(ended.signal.reason);
    expect(input.isRaw).toBe(false);
    input.end("last");
    expect(await questions.ask("?", never)).toBe("last");
    await expect(questions.ask("more?", never)).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe.skipIf(!findInstalled("script") || process.platform !== "linux")("at a real terminal", () => {
  it("Ctrl-C ends the work that follows an answer", async () => {
    const { address, close } = await heldSession();
    const terminal = open(`wa-vault unlock support --store ${address}`);
    await terminal.shows("[y/N]");
    terminal.type("y\r");
    await terminal.shows("looking whether");
    terminal.type("\u0003");
    expect(await exitOf(terminal.child)).toEqual([130, null]);
    await close();
  });

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s ends a question, and what is typed is shown again after a hidden one", async (_, key) => {
    const { address, close } = await heldSession();
    const question = open(`wa-vault unlock support --store ${address}; echo "code $?"; stty -a`);
    await question.shows("[y/N]");
    question.type(key);
    await exitOf(question.child);
    expect(question.text()).toMatch(/CANCELLED:\S* Nothing was changed\.[\s\S]*code 130[\s\S]* icanon [\s\S]* echo /);
    await close();
    const file = join(folder(), "x.wavault");
    const hidden = open(`wa-vault export support ${file} --store ${address}; echo "code $?"; stty -a`);
    await hidden.shows("not encrypted): ");
    hidden.type(`sec${key === "\u0004" ? "\u0015" : ""}${key}`);
    await exitOf(hidden.child);
    expect(hidden.text()).toMatch(/CANCELLED:\S* Nothing was changed\.[\s\S]*code 130[\s\S]* icanon [\s\S]* echo /);
  });
});

/** Runs a line of the shell at a terminal. */
function open(line: string) {
  const env = { ...process.env, PATH: `${commandFolder()}:${process.env.PATH}`, TERM: "xterm" };
  const child = spawn("script", ["-qec", line, "/dev/null"], { env });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  return {
    child,
    text: () => text,
    type: (keys: string) => void child.stdin.write(keys),
    async shows(words: string) {
      while (!text.includes(words)) await once(child.stdout, "data");
    },
  };
}

/** A session that this process has. */
async function heldSession(): Promise<{ address: string; close(): Promise<void> }> {
  const directory = join(folder(), "sessions");
  const store = new FileStore({ directory });
  const session = "RemoteAuth-support";
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(profileFiles("1")) });
  return { address: `file:${directory}`, close: () => lease.release() };
}
