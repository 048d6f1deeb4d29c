import assert from "node:assert/strict";
import { test } from "vitest";
import { type Figures, noSamples, sides } from "../../bench/figures.ts";
import { plotSizes } from "../../bench/plot-sizes.ts";
import type { Report, Result } from "../../bench/report.ts";

/** A result in which every figure of a side is `factor` times a fixed one. */
function resultOf(bytes: number, factor: number, more: Partial<Result> = {}): Result {
  const samples = noSamples();
  for (const [index, side] of sides.entries()) {
    const value = factor / 10 ** index;
    const delays = { delayP50Ms: 0, delayP99Ms: 0, delayMaxMs: 0 };
    const memory = { restBytes: 1e6, peakBytes: 1e6 + value * 1e6 };
    const traffic = { requests: 1, bytesSent: value * 1e6, bytesReceived: 0 };
    const figures: Figures = { wallMs: value * 100, cpuMs: value * 100, ...memory, ...delays, ...traffic };
    samples[side]["later save"].push(figures);
    samples[side]["no-change save"].push(figures);
  }
  return { bytes, backend: "leveldb", node: "20.1.2", sessions: 1, saves: 1, samples, ...more };
}

function reportOf(...results: Result[]): Report {
  return { at: "2026-01-02T03:04:05.678Z", machine: {}, results };
}

/** The points of each line, panel by panel. */
function linesIn(svg: string): number[][][] {
  return [...svg.matchAll(/points="([^"]*)"/g)].map(([, points = ""]) =>
    points
      .split(" ")
      .filter(Boolean)
      .map((point) => point.split(",").map(Number)),
  );
}

test("draws a line for each side in four panels, on logarithmic scales, smallest size first", () => {
  const svg = plotSizes([reportOf(resultOf(3e8, 10)), reportOf(resultOf(3e7, 1), resultOf(3e9, 100))]);
  const lines = linesIn(svg);
  assert.equal(lines.length, 4 * sides.length);
  for (const line of lines) {
    const [[x1 = 0, y1 = 0], [x2 = 0, y2 = 0], [x3 = 0, y3 = 0]] = line as [number[], number[], number[]];
    assert.ok(x1 < x2 && x2 < x3 && y1 > y2 && y2 > y3);
    assert.ok(Math.abs(x2 - x1 - (x3 - x2)) < 0.3, "ten times the size is one step across");
    assert.ok(Math.abs(y1 - y2 - (y2 - y3)) < 0.3, "ten times the cost is one step up");
  }
  for (const text of [">30 MB<", ">300 MB<", ">3 GB<", ">shipped<", ">ours<", ">limit<", ">100 ms<", ">10 MB<"]) {
    assert.ok(svg.includes(text), text);
  }
  assert.ok(svg.includes("prefers-color-scheme:dark"));
});

test("keeps releases of Node.js and forms of the storage apart, and leaves out what has no logarithm", () => {
  const free = resultOf(3e8, 1, { node: "24.1.2", backend: "sqlite" });
  const results = [resultOf(3e7, 1), resultOf(3e8, 2), resultOf(3e7, 1, { sessions: 20 }), free];
  for (const figures of free.samples.ours["no-change save"]) Object.assign(figures, { wallMs: 0 });
  const svg = plotSizes([reportOf(...results)]);
  const counts = linesIn(svg).map((points) => points.length);
  assert.deepEqual(counts, [2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 0, 1, 2, 2, 2, 1, 1, 1]);
  assert.ok(svg.includes(">ours, Node.js 20<") && svg.includes(">ours, Node.js 24, SQLite<"));
});

test("refuses files without a result of one session", () => {
  assert.throws(() => plotSizes([reportOf(resultOf(3e7, 1, { sessions: 2 }))]), /no result of one session/);
});
