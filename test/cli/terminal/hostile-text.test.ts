import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { Cli } from "../../../cli/cli.ts";
import { Output } from "../../../cli/terminal/output.ts";
import { qrLines } from "../../../cli/terminal/qr.ts";
import { safeJson } from "../../../cli/terminal/width.ts";
import { useFolder } from "../../support/folder.ts";
import { runCli } from "../support/run-cli.ts";

const folder = useFolder();
const ESC = "\u001b";
/** What a terminal would obey: it clears, retitles, moves, turns around, hides and colours. */
const HOSTILE = [
  `${ESC}[2J`,
  `${ESC}]0;title\u0007`,
  `${ESC}]8;;https://evil.example${ESC}\\link${ESC}]8;;${ESC}\\`,
  `${ESC}P+q544e${ESC}\\`,
  "\u009b2J",
  "\u009d0;title\u009c",
  "\u0008\u0008\u0008",
  "\rOK",
  "\u202etxt.exe\u2066",
  "\u2028",
  `${ESC}[8m`,
  `${ESC}[38;5;16;48;5;23m`,
];
/** Whatever a terminal would obey but for tabs, line breaks and colours of the command itself. */
const OBEYED = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

function output(isColoured: boolean): { out: Output; read: () => string } {
  const stream = new PassThrough();
  return { out: new Output(stream, isColoured), read: () => String(stream.read() ?? "") };
}

it.each(HOSTILE)("%j in a line moves nothing, with colours and without", (text) => {
  for (const isColoured of [false, true]) {
    const { out, read } = output(isColoured);
    out.line(`${out.paint("bad", "x:")} a${text}b`);
    out.lines(`a${text}b\n`);
    const said = read().replaceAll(`${ESC}[31m`, "").replaceAll(`${ESC}[39m`, "");
    expect(said).not.toMatch(OBEYED);
    expect(said).toContain("a");
  }
});

it("a line break in a text from elsewhere begins no line of the command", () => {
  const { out, read } = output(false);
  out.line("host\nINVALID: nothing was saved\r\nmore");
  expect(read()).toBe("host\n  INVALID: nothing was saved\n  more\n");
});

it("colours and QR codes of the command are shown, those of a message are not", () => {
  const { out: err, read } = output(true);
  for (const line of qrLines("text", { isColoured: true })) err.line(line);
  expect(read()).toContain(`${ESC}[38;5;16;48;5;231m`);
  const rest = {
    out: err,
    signal: new AbortController().signal,
    env: {},
    stdin: process.stdin,
    stderr: process.stderr,
  };
  const cli = new Cli({ ...rest, err });
  cli.warn(`${ESC}[31mred`);
  expect(read()).toBe(`${ESC}[33mwarning:${ESC}[39m \ufffdred\n`);
});

it.each(HOSTILE)("%j in JSON is escaped, and means the same", (text) => {
  const written = safeJson({ owner: text });
  expect(written).not.toMatch(OBEYED);
  expect(JSON.parse(written)).toEqual({ owner: text });
});

it.runIf(process.platform !== "win32")("names of files and arguments reach no terminal as they are", async () => {
  for (const text of HOSTILE) {
    const path = join(folder(), `a${text.replaceAll("/", "-")}.wavault`);
    writeFileSync(path, "no session");
    for (const args of [
      ["import", path],
      ["import", path, "x", "y"],
      ["ls", `--${text}`],
      ["show", text],
    ]) {
      for (const end of [[], ["--json"]]) {
        const { code, stdout, stderr } = await runCli([...args, "--store", `file:${folder()}`, ...end]);
        expect(code).not.toBe(0);
        expect(stdout + stderr).not.toMatch(OBEYED);
      }
    }
  }
});
