import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { duel } from "../../bench/duel.ts";
import { type Figures, type Side, type Step, sides, steps } from "../../bench/figures.ts";
import { headline, json, markdown, table } from "../../bench/report.ts";
import { recordSeries } from "../../bench/series.ts";
import { startStore } from "../../bench/stores.ts";
import { onlyLong } from "../support/length.ts";
import { useRig } from "../support/rig.ts";

type Form = "leveldb" | "sqlite";
const rig = useRig();

test.each<Form>(["leveldb", ...onlyLong<Form>("sqlite")])(
  "both sides are measured on one series of %s, and restore the same bytes",
  async (backend) => {
    const folder = rig.folder();
    const log = () => {};
    const recorded = {
      folder: join(folder, "series"),
      bytes: 1e6,
      backend,
      saves: 1,
      useBytes: 100_000,
      quietMs: 0,
      log,
    };
    const series = await recordSeries(recorded);
    assert.ok(series.bytes > 0.9e6 && series.bytes < (backend === "leveldb" ? 1.6e6 : 4e6), `${series.bytes} bytes`);
    assert.deepEqual((await recordSeries(recorded)).states, series.states, "recorded once");

    const store = await startStore("file", folder);
    const samples = await duel({ series, sessions: 2, runs: 1, store, folder: join(folder, "duel"), log });
    const only = (side: Side, step: Step): Figures => {
      const [figures, ...more] = samples[side][step];
      assert.ok(figures && more.length === 0, `${side}, ${step}`);
      return figures;
    };
    for (const side of sides) {
      for (const step of steps) {
        const { wallMs, cpuMs, peakBytes, restBytes } = only(side, step);
        assert.ok(wallMs > 0 && cpuMs > 0 && peakBytes > 0 && restBytes > 0, `${side}, ${step}`);
      }
      assert.ok(only(side, "first save").bytesSent > 0.5e6, side);
      assert.ok(only(side, "restore").bytesReceived > 0.5e6, side);
    }
    // One zip for each session, every time.
    assert.equal(only("shipped", "no-change save").requests, 2);
    assert.ok(only("shipped", "no-change save").bytesSent > 0.5e6);
    assert.equal(only("ours", "no-change save").bytesSent, 0);

    const result = { bytes: series.bytes, backend, sessions: 2, saves: 1, samples };
    const widths = new Set(
      table(result)
        .split("\n")
        .map((line) => line.length),
    );
    assert.equal(widths.size, 1, "the table is aligned");
    assert.match(headline(result), /^2 sessions in one process, each of /);
    const report = { at: "2026-01-02T03:04:05.678Z", machine: { cores: 2 }, results: [result] };
    const page = markdown(JSON.parse(JSON.stringify(json(report))));
    assert.equal(page, `2026-01-02. cores: 2.\n\n**${headline(result)}**\n\n${table(result)}`);
    assert.deepEqual(
      [existsSync(join(folder, "duel", "run-0")), existsSync(join(folder, "series", "live"))],
      [false, false],
    );
  },
);
