import { PassThrough } from "node:stream";
import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { codeLines } from "../../../cli/terminal/big-letters.ts";
import { Output } from "../../../cli/terminal/output.ts";
import { QrScreen } from "../../../cli/terminal/qr.ts";
import { modulesOf } from "../support/terminal-qr.ts";

const text = `2@${"aB3/".repeat(56)}`;
const other = `2@${"Xy7+".repeat(56)}`;
const code = (of: string): boolean[][] => encode(of, { ecc: "L", border: 2 }).data;

function terminal(more: object = {}): { out: Output; read(): string } {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 120,
    rows: 50,
    hasColors: () => true,
    ...more,
  });
  return { out: new Output(stream), read: () => String(stream.read() ?? "") };
}

describe("a QR code on a terminal", () => {
  it("is black on white, whatever the colours of the terminal", () => {
    const { out, read } = terminal();
    expect(new QrScreen(out).show(text)).toBe(true);
    const written = read();
    expect(modulesOf(written, { isColoured: true })).toEqual([code(text)]);
    for (const line of written.trimEnd().split("\n")) {
      expect(line.startsWith("\u001b[38;5;16;48;5;231m")).toBe(true);
      expect(line.endsWith("\u001b[0m")).toBe(true);
    }
  });

  it("is light on the ground of a dark terminal where there are no colours, and dark on a light one", () => {
    for (const inverts of [false, true]) {
      const { out, read } = terminal({ hasColors: () => false });
      new QrScreen(out, { inverts }).show(text);
      expect(modulesOf(read(), { isColoured: inverts })).toEqual([code(text)]);
    }
  });

  it("takes the place of the one before", () => {
    const { out, read } = terminal();
    const screen = new QrScreen(out);
    screen.show(text);
    const lines = read().trimEnd().split("\n").length;
    screen.show(other);
    const second = read();
    expect(second.startsWith(`\u001b[${lines}A\u001b[J`)).toBe(true);
    expect(modulesOf(second, { isColoured: true })).toEqual([code(other)]);
    screen.clear();
    expect(read()).toBe(`\u001b[${lines}A\u001b[J`);
    screen.clear();
    expect(read()).toBe("");
  });

  it("follows the one before in a log, and where the window is lower than the code", () => {
    for (const more of [{ isTTY: false, columns: undefined }, { rows: 20 }]) {
      const { out, read } = terminal(more);
      const screen = new QrScreen(out);
      screen.show(text);
      screen.show(other);
      const written = read();
      expect(written).not.toContain("\u001b[J");
      expect(modulesOf(written, { isColoured: true })).toEqual([code(text), code(other)]);
    }
  });

  it("is not shown where it does not fit: how wide the terminal must be is", () => {
    const { out, read } = terminal({ columns: 40 });
    expect(new QrScreen(out).show(text)).toBe(false);
    const written = read();
    expect(written.replaceAll("\n", " ")).toContain(`needs ${code(text).length} columns, and this terminal has 40.`);
    expect(Math.max(...written.split("\n").map((line) => line.length))).toBeLessThanOrEqual(40);
  });
});

describe("a pairing code on a terminal", () => {
  it("is large, and once more as text", () => {
    const lines = codeLines("ABCD1234", 80);
    expect(lines.at(-1)).toBe("A B C D - 1 2 3 4");
    expect(lines.length).toBeGreaterThan(3);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("has a large letter for each that WhatsApp uses, and no two of a form", () => {
    const letters = [..."123456789ABCDEFGHJKLMNPQRSTVWXYZ"];
    const drawn = letters.map((letter) => codeLines(letter, 80).slice(0, -2).join("\n"));
    expect(new Set(drawn).size).toBe(letters.length);
    expect(drawn).not.toContain("");
  });

  it("fits into 40 columns, and into 10", () => {
    expect(codeLines("ABCD1234", 40)).toEqual(["A B C D - 1 2 3 4"]);
    expect(codeLines("ABCD1234", 10)).toEqual(["ABCD-1234"]);
  });
});
