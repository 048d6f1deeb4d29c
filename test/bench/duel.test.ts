import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { duel } from "../../bench/duel.ts";
import { type Figures, type Side, type Step, sides, steps } from "../../bench/figures.ts";
import { headline, json, markdown, table } from "../../bench/report.ts";
import { recordSeries, type Series } from "../../bench/series.ts";
import { startStore } from "../../bench/stores.ts";
import { onlyLong } from "../support/length.ts";
import { useRig } from "../support/rig.ts";

type Form = "leveldb" | "sqlite";
const rig = useRig();
const log = (): void => {};

/** A small series, recorded once in a folder. */
function record(folder: string, backend: Form): Promise<Series> {
  const sizes = { bytes: 1e6, saves: 1, useBytes: 100_000, quietMs: 0 };
  return recordSeries({ ...sizes, folder: join(folder, "series"), backend, log });
}

test.each<Form>(["leveldb", ...onlyLong<Form>("sqlite")])(
  "both sides are measured on one series of %s, and restore the same bytes",
  async (backend) => {
    const folder = rig.folder();
    const series = await record(folder, backend);
    assert.ok(series.bytes > 0.9e6 && series.bytes < (backend === "leveldb" ? 1.6e6 : 4e6), `${series.bytes} bytes`);
    assert.deepEqual((await record(folder, backend)).states, series.states, "recorded once");

    const store = await startStore("file", folder);
    const shared = { series, runs: 1, store, node: process.execPath, log };
    const samples = await duel({ ...shared, sessions: 2, folder: join(folder, "duel") });
    const only = (side: Side, step: Step): Figures => {
      const [figures, ...more] = samples[side][step];
      assert.ok(figures && more.length === 0, `${side}, ${step}`);
      return figures;
    };
    for (const side of sides) {
      for (const step of steps.filter((each) => each !== "save under load")) {
        const { wallMs, cpuMs, peakBytes, restBytes, delayP50Ms, delayP99Ms, delayMaxMs } = only(side, step);
        assert.ok(wallMs > 0 && cpuMs > 0 && peakBytes > 0 && restBytes > 0, `${side}, ${step}`);
        assert.ok(delayP50Ms <= delayP99Ms && delayP99Ms <= delayMaxMs, `${side}, ${step}`);
      }
      assert.ok(only(side, "first save").bytesSent > 0.5e6, side);
      assert.ok(only(side, "restore").bytesReceived > 0.5e6, side);
      assert.deepEqual(samples[side]["save under load"], [], "of one session only");
    }
    // One zip for each session, every time.
    assert.equal(only("shipped", "no-change save").requests, 2);
    assert.ok(only("shipped", "no-change save").bytesSent > 0.5e6);
    assert.ok(only("shipped", "kept-profile start").bytesReceived > 0.5e6);
    assert.equal(only("ours", "no-change save").bytesSent, 0);
    assert.ok(only("ours", "kept-profile start").bytesReceived < 0.1e6, "the log of each session");
    for (const step of ["no-change save", "kept-profile start"] as const) {
      const { bytesSent, bytesReceived } = only("limit", step);
      assert.deepEqual([bytesSent, bytesReceived], [0, 0], step);
    }
    const { bytesSent: changed, compressedBytes = 0 } = only("limit", "later save");
    assert.ok(compressedBytes > 0 && compressedBytes < changed, `${compressedBytes} of ${changed} bytes`);

    const result = { bytes: series.bytes, backend, node: "20.1.2", sessions: 2, saves: 1, samples };
    const widths = new Set(
      table(result)
        .split("\n")
        .map((line) => line.length),
    );
    assert.equal(widths.size, 1, "the table is aligned");
    assert.ok([...widths].every((width) => width <= 120));
    assert.match(headline(result), /^2 sessions in one process, each of .*, Node\.js 20\.1\.2; /);
    const report = { at: "2026-01-02T03:04:05.678Z", machine: { cores: 2 }, results: [result] };
    const page = markdown(JSON.parse(JSON.stringify(json(report))));
    assert.equal(page, `2026-01-02. cores: 2.\n\n**${headline(result)}**\n\n${table(result)}`);
    assert.deepEqual(
      [existsSync(join(folder, "duel", "run-0")), existsSync(join(folder, "series", "live"))],
      [false, false],
    );
  },
);

// The steps before it are those above.
test.each<Form>(onlyLong("leveldb", "sqlite"))(
  "saves are measured while the page writes, on a series of %s",
  async (backend) => {
    const folder = rig.folder();
    const series = await record(folder, backend);
    const store = await startStore("file", folder);
    const states = series.states.slice(-1);
    const only = { ...series, states };
    const shared = { series: only, runs: 1, store, node: process.execPath, log };
    const loaded = await duel({ ...shared, sessions: 1, folder: join(folder, "loaded") });
    for (const side of ["ours", "limit"] as const) {
      const [saved] = loaded[side]["save under load"];
      assert.ok(saved && saved.bytesSent > 0.5e6, side);
      assert.deepEqual(loaded[side]["later save"], [], "there is one state");
    }
    const result = { bytes: series.bytes, backend, node: "20.1.2", sessions: 1, saves: 1, samples: loaded };
    const rows = table(result);
    assert.ok(!rows.includes("later save"), "a step without samples has no rows");
    assert.match(rows, /^\| save under load +\| time +\|/m);
  },
);
