// All sessions at a glance: filters, a search, a sort, and a table that becomes cards on a phone.
import { age } from "./ages.js";
import { el, show } from "./dom.js";
import { model, onChange } from "./model.js";
import { badge, STATUSES } from "./status.js";
import { countWords, kindWords, sizeWords } from "./words.js";

const ORDER = Object.keys(STATUSES);
// Made once: thousands of names are compared at each letter of a search.
const names = new Intl.Collator(undefined, { numeric: true });
const byName = (a, b) => names.compare(a.session, b.session);
const text = (value) => value ?? "";

/** `value` is what is sorted by; the least comes first. */
const COLUMNS = [
  { id: "name", title: "Session", of: nameCell, compare: byName },
  {
    id: "status",
    title: "Status",
    of: statusCell,
    compare: (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || byName(a, b),
  },
  {
    id: "kind",
    title: "Kind",
    of: ({ kind }) => kindWords(kind),
    compare: (a, b) => text(a.kind).localeCompare(text(b.kind)) || byName(a, b),
  },
  {
    id: "saved",
    title: "Last saved",
    of: (session) => (savedAt(session) ? age(savedAt(session)) : ""),
    compare: (a, b) => text(savedAt(b)).localeCompare(text(savedAt(a))) || byName(a, b),
  },
  {
    id: "size",
    title: "Size",
    numeric: true,
    of: ({ saved }) => (saved ? sizeWords(saved.bytes) : ""),
    compare: (a, b) => (b.saved?.bytes ?? -1) - (a.saved?.bytes ?? -1) || byName(a, b),
  },
  {
    id: "holder",
    title: "Held by",
    of: ({ lease }) => lease?.owner ?? "",
    compare: (a, b) => text(a.lease?.owner).localeCompare(text(b.lease?.owner)) || byName(a, b),
  },
];

/** What the person has chosen stays while they look at one session and come back. */
const chosen = { search: "", status: undefined, sort: "status", isReversed: false };

/** When something of the session was stored last. */
export function savedAt({ kind, saved, changedAt }) {
  return kind === "records" && saved ? changedAt : saved?.at;
}

function nameCell({ session }) {
  return el("a", { href: `/sessions/${encodeURIComponent(session)}`, "data-nav": true }, session);
}

function statusCell(session) {
  const wants = linkRequestOf(session.session);
  const note = session.status === "running" && session.isOld ? "not saved lately" : session.problem?.code;
  return el("div", { class: "status-words" }, [
    badge(session.status),
    note ? el("span", { class: "note" }, note) : null,
    wants ? el("a", { class: "tag", href: `/qr/${wants.session}`, "data-nav": true }, "wants to link") : null,
  ]);
}

/** The request of the bot of a session. */
function linkRequestOf(session) {
  if (model.linkRequests.length === 0) return undefined;
  return model.linkRequests.find(({ session: name }) =>
    ["", "RemoteAuth-", "Baileys-"].some((beginning) => beginning + name === session),
  );
}

/** Shows the sessions in `main`. @returns the end of it */
export function overview(main) {
  document.title = "Sessions – wa-vault";
  const heading = el("h1", { tabindex: "-1" }, "Sessions");
  const filters = el("div", { class: "filters", role: "group", "aria-label": "Show sessions of a status" });
  const found = el("p", { class: "found", role: "status" });
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Name, process or kind",
    autocomplete: "off",
    spellcheck: "false",
    input: () => {
      chosen.search = search.value;
      draw();
    },
  });
  search.value = chosen.search;
  const sort = el(
    "select",
    { id: "sort", change: () => sortBy(sort.value, false) },
    COLUMNS.map(({ id, title }) => el("option", { value: id }, title)),
  );
  const heads = COLUMNS.map(({ id, title, numeric }) => {
    const click = () => sortBy(id, chosen.sort === id && !chosen.isReversed);
    const button = el(
      "button",
      { type: "button", click },
      title,
      el("span", { class: "arrow", "aria-hidden": "true" }),
    );
    return el("th", { scope: "col", role: "columnheader", class: numeric ? "number" : null, "data-id": id }, button);
  });
  const body = el("tbody", { role: "rowgroup" });
  const caption = el("caption", { class: "hidden" }, "Sessions of the store");
  const head = el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads));
  const table = el("table", { role: "table", class: "sessions" }, caption, head, body);
  const empty = el("div", { class: "empty" });
  const tools = el(
    "div",
    { class: "tools" },
    el("div", { class: "field" }, el("label", { for: "search" }, "Search"), search),
    el("div", { class: "field sort" }, el("label", { for: "sort" }, "Sort by"), sort),
  );
  main.replaceChildren(el("div", { class: "head" }, heading, filters), tools, found, table, empty);
  const rows = new Map();

  function sortBy(id, isReversed) {
    Object.assign(chosen, { sort: id, isReversed });
    draw();
  }

  function draw() {
    const all = [...model.sessions.values()];
    drawFilters(all);
    for (const th of heads) {
      const isSorted = th.dataset.id === chosen.sort;
      if (isSorted) th.setAttribute("aria-sort", chosen.isReversed ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    sort.value = chosen.sort;
    const listed = all.filter(isWanted).sort(COLUMNS.find(({ id }) => id === chosen.sort).compare);
    if (chosen.isReversed) listed.reverse();
    drawRows(listed);
    const isKnown = model.checkedAt !== undefined;
    tools.hidden = filters.hidden = all.length < 2;
    table.hidden = listed.length === 0;
    show(empty, ...(listed.length > 0 ? [] : all.length > 0 ? nothingFound() : isKnown ? noSessions() : loading()));
    const isSearched = chosen.search.trim() !== "" || chosen.status !== undefined;
    const words = isSearched ? `${listed.length} of ${countWords(all.length, "session")}` : "";
    if (found.textContent !== words) found.textContent = words;
  }

  function drawRows(listed) {
    const names = new Set(listed.map(({ session }) => session));
    for (const [name, { row }] of rows) if (!names.has(name)) row.remove();
    for (const name of [...rows.keys()]) if (!model.sessions.has(name)) rows.delete(name);
    let place = null;
    for (const session of listed.toReversed()) {
      const made = rows.get(session.session) ?? newRow(session);
      const { row, cells } = made;
      const wants = linkRequestOf(session.session)?.session;
      // Most sessions are as they were, and there may be thousands.
      if (made.session !== session || made.wants !== wants) {
        Object.assign(made, { session, wants });
        for (const [at, { of }] of COLUMNS.entries()) {
          if (at > 0) show(cells[at], ...[of(session)].flat());
          cells[at].classList.toggle("none", cells[at].textContent === "");
        }
      }
      // A row that is where it belongs is not moved: what has the focus keeps it.
      if (row.parentNode !== body || row.nextSibling !== place) body.insertBefore(row, place);
      place = row;
    }
  }

  function newRow(session) {
    const cells = COLUMNS.map(({ id, title, numeric, of }) => {
      const attributes = { class: `${id}${numeric ? " number" : ""}`, "data-title": title };
      return id === "name"
        ? el("th", { ...attributes, scope: "row", role: "rowheader" }, of(session))
        : el("td", { ...attributes, role: "cell" });
    });
    const made = { row: el("tr", { role: "row", "data-session": session.session }, cells), cells };
    rows.set(session.session, made);
    return made;
  }

  function drawFilters(all) {
    const counts = new Map(ORDER.map((status) => [status, all.filter((one) => one.status === status).length]));
    const shown = ORDER.filter((status) => counts.get(status) > 0 || chosen.status === status);
    const filter = (status, ...words) => {
      const click = () => {
        chosen.status = status;
        draw();
        filters.querySelector('[aria-pressed="true"]')?.focus();
      };
      const isOn = chosen.status === status;
      return el("button", { type: "button", class: "filter", "aria-pressed": String(isOn), click }, words);
    };
    const count = (number) => el("span", { class: "count" }, String(number));
    show(
      filters,
      filter(undefined, el("span", {}, "All"), count(all.length)),
      ...shown.map((status) => filter(status, badge(status), count(counts.get(status)))),
    );
  }

  function clear() {
    Object.assign(chosen, { search: "", status: undefined });
    search.value = "";
    draw();
    search.focus();
  }

  function nothingFound() {
    return [
      el("p", {}, "No session is like that."),
      el("button", { type: "button", click: clear }, "Show all sessions"),
    ];
  }

  draw();
  return onChange(draw);
}

function isWanted(session) {
  if (chosen.status !== undefined && session.status !== chosen.status) return false;
  const sought = chosen.search.trim().toLowerCase();
  const { session: name, lease, holder, kind, status } = session;
  const words = [name, lease?.owner, holder, kindWords(kind), STATUSES[status].word];
  return sought === "" || words.some((word) => text(word).toLowerCase().includes(sought));
}

function noSessions() {
  return [
    el("p", { class: "strong" }, "This store has no sessions yet."),
    el(
      "p",
      {},
      "A session is here once a bot was linked: ",
      el("code", {}, "wa-vault link"),
      " links one from this machine.",
    ),
    el("p", {}, "Are there bots that should be here? Then compare the address above with theirs."),
  ];
}

function loading() {
  return [el("p", {}, model.away ? "Nothing is known of the store yet." : "Asking the store …")];
}
