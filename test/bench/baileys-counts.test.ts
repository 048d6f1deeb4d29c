import assert from "node:assert/strict";
import { test } from "vitest";
import { type Contender, compareOpens, medianOf, quantile } from "../../bench/baileys/compare.ts";
import { type Counts, countBotTraffic, countInserts, countSockets } from "../../bench/baileys/counts.ts";
import { type DayFigures, simulateMonth } from "../../bench/baileys/month.ts";
import { plotMonth } from "../../bench/baileys/plot-month.ts";
import { type BaileysReport, markdown } from "../../bench/baileys/tables.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
const traffic = { contacts: 30, groups: 3, messages: 300 };

/** An open reads nothing again, and lists nothing. */
function assertOnlyWrites({ gets, lists, bytesPut, bytesSet }: Counts): void {
  assert.deepEqual([gets, lists], [0, 0]);
  assert.ok(bytesPut > 0 && bytesSet > 0, `${bytesPut} of ${bytesSet} bytes`);
}

test("counts what the sets of a bot cost: one entry each, and what is put together is deleted", async () => {
  const counts = await countBotTraffic(traffic);
  assertOnlyWrites(counts);
  assert.ok(counts.sets > traffic.messages, `${counts.sets} sets`);
  assert.ok(counts.entries >= counts.sets && counts.entries < 1.02 * counts.sets, `${counts.entries} entries`);
  assert.ok(counts.puts > counts.entries && counts.puts < 1.1 * counts.sets, `${counts.puts} puts`);
  assert.ok(counts.deletes > 0 && counts.deletes <= counts.puts, `${counts.deletes} deletes`);
});

test("counts entries of sets that wait for one another, and of sets that only add", async () => {
  const atOnce = await countBotTraffic({ ...traffic, atOnce: 20 });
  assertOnlyWrites(atOnce);
  assert.ok(atOnce.entries <= atOnce.sets / 5, `${atOnce.entries} entries`);
  const inserts = await countInserts(200);
  assertOnlyWrites(inserts);
  assert.equal(inserts.sets, 200);
});

test("counts what a real socket sets", async () => {
  const counts = await countSockets(4);
  assertOnlyWrites(counts);
  // Its pre-keys, its credentials, and the messages.
  assert.ok(counts.sets > 20 && counts.bytesSet > 100_000, `${counts.sets} sets of ${counts.bytesSet} bytes`);
  assert.ok(counts.entries <= counts.sets, `${counts.entries} entries`);
});

test("a simulated bot opens each day what it has stored, and the tables say so", async () => {
  const days: DayFigures[] = [];
  const month = { days: 2, messagesPerDay: 60, contacts: 20, groups: 2, dayMs: 600_000 };
  for await (const day of simulateMonth(month)) days.push(day);
  assert.deepEqual(
    days.map(({ day, contacts }) => [day, contacts]),
    [
      [1, 11],
      [2, 20],
    ],
  );
  const [first, second] = days;
  assert.ok(first && second && second.storedBytes > 100_000 && second.openRequests > first.openRequests);
  assert.match(plotMonth(days), /^<svg/);

  const times = { ours: [1, 2, 4], other: [2, 4, 10] };
  const sockets = { set: times, get: times, "receive 1:1": times, "send 1:1": times, "send to a group of 20": times };
  const losses = { rounds: 3, messages: 9, sets: 8, lostSets: 7, tornFiles: 6, reusedCounters: 5, unreadable: 4 };
  const more = { retries: 2, pairedAgain: 1, ended: [] };
  const report: BaileysReport = {
    at: "2026-01-02T03:04:05.678Z",
    machine: { cores: 2 },
    comparisons: [{ where: "Here", ours: "ours", sockets, opens: { "5": { open: times, openAndRead: times } } }],
    losses: { kills: { other: { ...losses, ...more } }, withoutKills: {}, twoAtOnce: {} },
    goals: [{ figure: "puts a set", goal: "<= 1.05", measured: "1.20", isMet: false }],
    month: days,
  };
  const page = markdown(JSON.parse(JSON.stringify(report)));
  assert.match(page, /^2026-01-02\. cores: 2\.\n\n\*\*Here\*\*/);
  assert.match(page, /\| other +\| +4\.00 ms \(2\.0\) \|/, "the median of the ratios, not the ratio of the medians");
  assert.match(page, /\| other \| 3 kills \| +9 \| +8 \| +7 \| +6 \| +5 \| +4 \| +2 \| +1 \|/);
  assert.match(page, /\| puts a set \| <= 1\.05 \| 1\.20 +\| \*\*no\*\* \|/);
  assert.match(page, /\| +1 \| +11 \| /);
});

test("states of both kinds are filled and opened in processes of their own", async () => {
  const directory = newFolder();
  const contenders: Contender[] = (["wa-vault on a directory", "useMultiFileAuthState"] as const).map((kind) => ({
    name: kind,
    spec: { kind, directory },
  }));
  const shared = { contenders, rounds: 1, messages: 1, name: "open", log: () => {} };
  const { openAndRead } = await compareOpens({ ...shared, bytes: 60_000 });
  assert.deepEqual(
    Object.keys(openAndRead),
    contenders.map(({ name }) => name),
  );
  for (const times of Object.values(openAndRead)) assert.ok(medianOf(times) > 0);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
});
