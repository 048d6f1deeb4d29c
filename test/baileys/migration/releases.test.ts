import { stat } from "node:fs/promises";
import { join } from "node:path";
import * as baileys from "baileys";
import * as baileys67 from "baileys-6.7";
import * as baileys617 from "baileys-6.17";
import { describe, expect, it } from "vitest";
import { migrateAuthState } from "../../../lib/baileys/index.ts";
import type { AnyAuthState } from "../../../lib/baileys/types.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { useFolder } from "../../support/folder.ts";
import { filesIn } from "../support/multi-file.ts";
import { expectedOf, fill, readAll, sampleState } from "../support/sample-state.ts";
import { open, storeOn } from "../support/states.ts";

const newFolder = useFolder();

type UseMultiFile = (folder: string) => Promise<{ state: AnyAuthState; saveCreds: () => Promise<void> }>;

describe.each<[string, UseMultiFile, unknown]>([
  ["7.0.0-rc14", baileys.useMultiFileAuthState, baileys],
  ["6.17.16", baileys617.useMultiFileAuthState, baileys617],
  ["6.7.24", baileys67.useMultiFileAuthState, baileys67],
])("a directory of Baileys %s", (_, useMultiFile, module) => {
  it("goes into a store, and back into a directory that this Baileys reads as before", async () => {
    const sample = sampleState();
    const from = join(newFolder(), "from");
    await fill(await useMultiFile(from), sample);
    const before = await filesIn(from);
    const store = storeOn(new MemoryBlobs());
    const report = await migrateAuthState({
      from: { multiFile: from },
      to: { store, session: "bot" },
      baileys: module,
    });
    expect(report).toMatchObject({
      creds: { copied: true, registered: true, me: sample.creds.me },
      verified: true,
      warnings: [],
    });
    expect(report.counts).toEqual(countsOf(sample));
    expect(report.skipped).toEqual({ existing: 0, files: [] });
    expect(await filesIn(from)).toEqual(before);

    const bot = await open(store);
    expect(await readAll(bot.state, sample)).toEqual(expectedOf(sample));
    await bot.close();

    const to = join(newFolder(), "a", "to");
    const back = await migrateAuthState({ from: { store, session: "bot" }, to: { multiFile: to }, baileys: module });
    expect(back).toMatchObject({ creds: { copied: true }, counts: report.counts, verified: true, warnings: [] });
    const { state } = await useMultiFile(to);
    expect(await readAll(state, sample)).toEqual(expectedOf(sample));
    expect(Object.keys(await filesIn(to))).toEqual(Object.keys(before));
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    expect((await stat(join(to, "creds.json"))).mode & 0o777).toBe(0o600);
  });

  it("is read and written as a state, too", async () => {
    const sample = sampleState();
    const source = await useMultiFile(join(newFolder(), "from"));
    await fill(source, sample);
    const store = storeOn(new MemoryBlobs());
    const bot = await open(store);
    // This Baileys cannot list its records: those that it can know come along.
    const report = await migrateAuthState({ from: source, to: bot, baileys: module });
    expect(report.creds).toMatchObject({ copied: true, registered: true });
    expect(report.warnings).toEqual([expect.stringContaining("cannot list all of its records")]);
    expect(report.counts).toMatchObject({ "pre-key": 30, "app-state-sync-key": 1, "app-state-sync-version": 1 });

    const target = await useMultiFile(join(newFolder(), "to"));
    await fill(bot, sample);
    await migrateAuthState({ from: bot, to: target, baileys: module });
    expect(await readAll(target.state, sample)).toEqual(expectedOf(sample));
  });
});

function countsOf({ records }: ReturnType<typeof sampleState>): Record<string, number> {
  return Object.fromEntries(Object.entries(records).map(([type, values = {}]) => [type, Object.keys(values).length]));
}
