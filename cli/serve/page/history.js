// The tables of one session: its generations, who had it, and its log.
import { age } from "./ages.js";
import { el } from "./dom.js";
import { countWords, sizeWords, timeWords } from "./words.js";

const MARKS = [
  ["isCurrent", "current", "good", "A restore brings it."],
  ["proven", "proven", "good", "A browser that started from it was ready."],
  ["rejected", "rejected", "bad", "A browser that started from it was asked to link again."],
  ["suspect", "suspect", "warning", "It came in as a zip whose profile did not verify."],
  ["beforeDeletion", "before a deletion", "warning", "It belongs to a link that ended with a deletion."],
];

/** How many processes are shown at once: a bot that starts over and over has hundreds. */
const MOST_HOLDERS = 5;

/** What is said of a generation, as words in boxes. */
export function marksOf(generation) {
  return MARKS.filter(([name]) => generation[name]).map(([, word, tone, help]) =>
    el("span", { class: `mark ${tone}`, title: help }, word),
  );
}

/** @param action makes the button of a generation, or nothing */
export function generationTable({ kept }, action) {
  const buttons = kept.map(action);
  // Where all have one key, the facts above have said which.
  const hasKeys = new Set(kept.map(({ keyId }) => keyId)).size > 1;
  const columns = [
    { title: "Generation", of: ({ generation }) => String(generation) },
    { title: "Saved", of: ({ at }) => age(at) },
    { title: "Size", isNumber: true, of: ({ bytes }) => sizeWords(bytes) },
    { title: "Files", isNumber: true, of: ({ files }) => String(files) },
    { title: "Marks", of: marksOf },
    ...(hasKeys ? [{ title: "Key", of: ({ keyId }) => (keyId ? el("code", {}, keyId) : "not encrypted") }] : []),
    ...(buttons.some(Boolean) ? [{ title: "Action", of: (_, at) => buttons[at] ?? "" }] : []),
  ];
  return section("Generations", "What is kept: any of them can be restored.", table("Generations", columns, kept));
}

/** Who had the session, and the log. */
export function historyTables({ history, isHistoryCut }) {
  const cut = isHistoryCut ? ` Only the newest ${history.length} entries are shown.` : "";
  return [
    ...holderTables(history),
    section("Log", `Entries that nothing needs any more are removed.${cut}`, logTable(history)),
  ];
}

function holderTables(history) {
  const holders = holdersOf(history);
  if (holders.length === 0) return [];
  const columns = [
    { title: "Process", of: ({ by }) => by },
    { title: "Took it", of: ({ from }) => age(from) },
    { title: "Last wrote", of: ({ to }) => age(to) },
  ];
  const [newest, rest] = [holders.slice(0, MOST_HOLDERS), holders.slice(MOST_HOLDERS)];
  const words = "The processes that took the session, newest first, as far as its log goes back.";
  const more = rest.length > 0 ? folded(`Show ${rest.length} before`, table("Who had it before", columns, rest)) : null;
  return [section("Who had it", words, table("Who had it", columns, newest), more)];
}

function logTable(history) {
  const columns = [
    { title: "Time", of: ({ at }) => (at ? el("time", { datetime: at }, timeWords(at)) : "") },
    { title: "What was done", of: eventWords },
    { title: "By", of: ({ by }) => by ?? "" },
  ];
  return folded(`Show ${countWords(history.length, "entry", "entries")}`, table("Log", columns, history));
}

function folded(words, content) {
  return el("details", {}, el("summary", {}, words), content);
}

/** One for each time that a process took the session, newest first. */
function holdersOf(history) {
  const byEpoch = new Map();
  for (const { epoch, by, at } of history) {
    if (at === undefined || epoch === undefined) continue;
    const known = byEpoch.get(epoch);
    byEpoch.set(epoch, { by, from: at, to: known?.to ?? at });
  }
  return [...byEpoch.values()];
}

function eventWords({ what, saved, generation, changes, error }) {
  switch (what) {
    case "hold":
      return "Took the session";
    case "save":
      return saved ? `Saved generation ${saved.generation}, ${sizeWords(saved.bytes)}` : "Saved";
    case "proven":
      return `Was ready with generation ${generation}`;
    case "rejected":
      return `Was asked to link again with generation ${generation}`;
    case "rollback":
      return `Went back to generation ${generation}`;
    case "deleted":
      return "Deleted the session";
    case "undeleted":
      return "Took the deletion back";
    case "records":
      return changes === undefined ? "Changed records" : `Changed ${countWords(changes, "record")}`;
    case "rekeyed":
      return saved ? `Encrypted generation ${saved.generation} anew` : "Encrypted a generation anew";
    case "retained":
      return "Removed old generations";
    case "renewed":
      return "Renewed its lease late";
    default:
      return error ? `Cannot be read: ${error.message}` : `Cannot be read (${what})`;
  }
}

function section(title, words, ...content) {
  return el("section", { class: "part" }, el("h2", {}, title), el("p", { class: "help" }, words), content);
}

/** A table whose rows become cards on a phone. */
function table(title, columns, rows) {
  const cell = ({ title: column, isNumber, of }, row, at) => {
    const value = of(row, at);
    const isEmpty = value === "" || value.length === 0;
    const names = [isNumber && "number", isEmpty && "none"].filter(Boolean).join(" ");
    return el("td", { class: names || null, "data-title": column, role: "cell" }, value);
  };
  const head = columns.map(({ title: column, isNumber }) =>
    el("th", { scope: "col", role: "columnheader", class: isNumber ? "number" : null }, column),
  );
  const body = rows.map((row, at) =>
    el(
      "tr",
      { role: "row" },
      columns.map((column) => cell(column, row, at)),
    ),
  );
  return el("table", { role: "table" }, [
    el("caption", { class: "hidden" }, title),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
    el("tbody", { role: "rowgroup" }, body),
  ]);
}
