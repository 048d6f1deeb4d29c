import { aligned } from "../aligned.ts";
import { milliseconds } from "../report.ts";
import { medianOf, type OpenRounds, type Rounds, type SocketStep, socketSteps } from "./compare.ts";
import type { Goal } from "./goals.ts";
import type { Losses } from "./kills.ts";
import type { DayFigures } from "./month.ts";

/** States that were measured on the same servers in turn, and opened. */
export interface Comparison {
  readonly where: string;
  /** The state that the others are compared with. */
  readonly ours: string;
  readonly sockets: Readonly<Record<SocketStep, Rounds>>;
  /** By megabytes of JSON that are stored. */
  readonly opens: Readonly<Record<string, OpenRounds>>;
}

/** What states have lost, by state. */
export interface LossesOf {
  readonly kills: Readonly<Record<string, Losses>>;
  readonly withoutKills: Readonly<Record<string, Losses>>;
  readonly twoAtOnce: Readonly<Record<string, Losses>>;
}

/** What one call of the benchmark was: `--json` writes it, `--tables` reads it. */
export interface BaileysReport {
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly comparisons?: readonly Comparison[];
  readonly losses?: LossesOf;
  readonly goals?: readonly Goal[];
  readonly month?: readonly DayFigures[];
}

/** The machine, then all tables, as the page shows them. */
export function markdown({ at, machine, comparisons = [], losses, goals, month }: BaileysReport): string {
  const facts = Object.entries(machine).map(([name, value]) => `${name}: ${value}`);
  return [
    `${at.slice(0, 10)}. ${facts.join("; ")}.`,
    ...comparisons.map(comparisonTable),
    ...(losses ? [lossesTable(losses)] : []),
    ...(goals ? [goalsTable(goals)] : []),
    ...(month ? [monthTable(month)] : []),
  ].join("\n\n");
}

/** Medians, and how often the time of ours goes into that of the state: the median of the ratios of all rounds. */
export function comparisonTable({ where, ours, sockets, opens }: Comparison): string {
  const columns: [string, Rounds][] = [
    ...socketSteps.map((step): [string, Rounds] => [step, sockets[step]]),
    ...Object.entries(opens).map(([mb, { openAndRead }]): [string, Rounds] => [`open, ${mb} MB`, openAndRead]),
  ];
  const names = Object.keys(sockets.set);
  const rows = names.map((name) => [name, ...columns.map(([, rounds]) => cell(rounds[name], rounds[ours]))]);
  return `**${where}**\n\n${aligned([["state", ...columns.map(([title]) => title)], ...rows], 1)}`;
}

function cell(times: readonly number[] | undefined, ours: readonly number[] | undefined): string {
  if (!times || times.length === 0) return "-";
  const median = milliseconds(medianOf(times), 2);
  if (!ours || times === ours) return median;
  const ratio = medianOf(times.map((time, round) => time / (ours[round] ?? Number.NaN)));
  return `${median} (${ratio >= 10 ? Math.round(ratio) : ratio.toPrecision(2)})`;
}

export function lossesTable({ kills, withoutKills, twoAtOnce }: LossesOf): string {
  const head = [
    "state",
    "",
    "messages",
    "sets",
    "sets lost",
    "torn files",
    "counters used twice",
    "not read by contacts",
    "not read by the bot",
    "linked again",
  ];
  const row = (name: string, how: string, one: Losses | undefined): string[][] =>
    one
      ? [
          [
            name,
            how,
            ...[
              one.messages,
              one.sets,
              one.lostSets,
              one.tornFiles,
              one.reusedCounters,
              one.unreadable,
              one.retries,
              one.pairedAgain,
            ].map(String),
          ],
        ]
      : [];
  const rows = Object.entries(kills).flatMap(([name, one]) => [
    ...row(name, `${one.rounds} kills`, one),
    ...row("", "no kill", withoutKills[name]),
    ...row("", "two processes", twoAtOnce[name]),
  ]);
  return aligned([head, ...rows], 2);
}

export function goalsTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ figure, goal, measured, isMet }) => [figure, goal, measured, isMet ? "yes" : "**no**"]);
  return aligned([["figure", "goal", "measured", "met"], ...rows], 4);
}

/** Each fifth day. */
export function monthTable(days: readonly DayFigures[]): string {
  const head = [
    "day",
    "contacts",
    "stored",
    "objects",
    "puts a set",
    "deletes a set",
    "written / set",
    "open: requests",
    "time",
    "longest block",
    "memory",
  ];
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const rows = days
    .filter(({ day }) => day === 1 || day % 5 === 0)
    .map((one) => [
      String(one.day),
      one.contacts.toLocaleString("en-US"),
      mb(one.storedBytes),
      String(one.objects),
      one.putsPerSet.toFixed(3),
      one.deletesPerSet.toFixed(3),
      one.writtenPerSet.toFixed(2),
      String(one.openRequests),
      milliseconds(one.openMs),
      milliseconds(one.openBlockMs),
      one.memoryBytes > 0 ? mb(one.memoryBytes) : "-",
    ]);
  return aligned([head, ...rows], 0);
}
