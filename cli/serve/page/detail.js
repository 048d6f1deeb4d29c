// One session: what it is, what is kept of it, who had it, and what can be done.
import { actions, undeleteButton } from "./actions.js";
import { age } from "./ages.js";
import { call } from "./api.js";
import { el, show } from "./dom.js";
import { generationTable, historyTables, marksOf } from "./history.js";
import { model, onChange } from "./model.js";
import { savedAt } from "./overview.js";
import { plots } from "./plots.js";
import { badge, STATUSES } from "./status.js";
import { botName, countWords, kindWords, sizeWords, timeWords } from "./words.js";

/** Shows the session `name`. @returns the end of it */
export function detail(main, name) {
  document.title = `${name} – wa-vault`;
  const heading = el("h1", { tabindex: "-1" }, name);
  const status = el("div", { class: "status-line" });
  const notices = el("div", { class: "notices" });
  const facts = el("dl", { class: "facts" });
  const rest = el("div", { class: "rest" });
  const back = el("a", { class: "back", href: "/", "data-nav": true }, "All sessions");
  main.replaceChildren(back, el("div", { class: "head detail-head" }, heading, status), notices, facts, rest);
  const ended = new AbortController();
  let read;
  let failed;
  /** What the details were read for. */
  let readFor = null;

  function draw() {
    const session = model.sessions.get(name);
    show(
      status,
      ...(session ? [badge(session.status), el("span", { class: "note" }, STATUSES[session.status].help)] : []),
    );
    show(notices, ...noticesOf(session, read, failed));
    show(facts, ...(session && session.status !== "unreadable" ? factsOf(session, read) : []));
    const version = session && `${session.changedAt} ${session.status} ${session.saved?.id} ${session.problem?.code}`;
    if (version !== readFor && (session !== undefined || read === undefined) && model.checkedAt !== undefined) {
      readFor = version;
      void load();
    }
  }

  async function load() {
    try {
      read = await call(`/api/sessions/${encodeURIComponent(name)}`, { signal: ended.signal });
      failed = undefined;
    } catch (error) {
      if (ended.signal.aborted) return;
      failed = error;
      // It is asked again as soon as something is heard of the store.
      if (error.status !== 404) readFor = null;
    }
    draw();
    drawRest();
  }

  function drawRest() {
    if (!read) return show(rest);
    const { kept, history } = read;
    const { status, kind } = model.sessions.get(name) ?? {};
    // Of Baileys a store goes back to none: it would use sending counters again.
    const canGoBack = status !== "deleted" && kind !== "records";
    const open = [...rest.querySelectorAll("details")].map((one) => one.open);
    show(
      rest,
      ...plots(read),
      kept.length > 0 ? generationTable(read, canGoBack ? actions(name) : () => null) : null,
      ...(history.length > 0 ? historyTables(read) : []),
    );
    for (const [at, one] of rest.querySelectorAll("details").entries()) one.open = open[at] ?? false;
  }

  draw();
  const end = onChange((change) => change.sessions && draw());
  return () => {
    ended.abort();
    end();
  };
}

function noticesOf(session, read, failed) {
  const problem = failed ?? session?.problem ?? read?.problem;
  const list = [];
  if (failed?.status === 404) list.push(notice("bad", failed.message, failed.hint ?? "", allSessions()));
  else if (failed) list.push(notice("warning", "The session could not be read", failed.message, failed.hint ?? ""));
  else if (problem)
    list.push(notice("bad", `It cannot be read (${problem.code})`, problem.message, problem.hint ?? ""));
  else if (!read) list.push(el("p", { class: "empty" }, "Reading the session …"));
  if (session?.status === "deleted") {
    const { at, until } = session.deleted;
    const isLeft = Date.parse(until) > Date.parse(at);
    const words = isLeft ? `It can be brought back until ${timeWords(until)} at least.` : "Nothing was kept of it.";
    list.push(notice("plain", ["Deleted ", age(at)], words, isLeft ? undeleteButton(session.session) : null));
  }
  if (session?.leaseProblem) list.push(notice("warning", "Nobody can tell who has it", session.leaseProblem.message));
  if (session?.status === "interrupted") {
    list.push(
      notice(
        "warning",
        `${session.lease.owner} has ended without giving it back`,
        "A new start waits for half a minute, and then takes it. Nothing that was saved is lost.",
      ),
    );
  }
  if (session?.isOld && session.status === "running") {
    list.push(
      notice("warning", ["Last saved ", age(savedAt(session))], "It runs, and is not saved: look at the bot's log."),
    );
  }
  return list;
}

function notice(tone, title, ...words) {
  const body = words.filter(Boolean).map((word) => (typeof word === "string" ? el("p", {}, word) : word));
  return el("div", { class: `notice ${tone}` }, el("p", { class: "strong" }, title), body);
}

function allSessions() {
  return el("p", {}, el("a", { href: "/", "data-nav": true }, "Show all sessions"));
}

function factsOf(session, read) {
  const { kind, saved, generations, lease, holder, oldestAt, profile } = session;
  const files = kind === "records" ? "record" : "file";
  const marks = saved ? marksOf(read?.kept.find(({ id }) => id === saved.id) ?? saved) : [];
  return [
    fact("Kind", kindWords(kind) || "Not known yet"),
    fact("Last saved", saved ? age(savedAt(session)) : "Never"),
    saved && fact("Size", `${sizeWords(saved.bytes)} in ${countWords(saved.files, files)}`),
    saved && fact("Generation", [`${saved.generation} (${generations} kept)`, marks]),
    oldestAt && fact("Linked", [age(oldestAt), ", or before"]),
    lease ? fact("Held by", [lease.owner, " since ", age(lease.since)]) : holder && fact("Last held by", holder),
    saved && fact("Encryption", saved.keyId ? ["Encrypted, key ", el("code", {}, saved.keyId)] : "None"),
    profile?.browserVersion && fact("Browser", profile.browserVersion),
    fact("In the bot's code", el("code", {}, botName(session.session))),
  ].filter(Boolean);
}

function fact(term, value) {
  return el("div", { class: "fact" }, el("dt", {}, term), el("dd", {}, value));
}
