// What concerns the whole page: a store or a server that is away, bots that want to link; and a voice for who cannot see it.
import { age } from "./ages.js";
import { el, show } from "./dom.js";
import { model, onChange } from "./model.js";
import { STATUSES } from "./status.js";
import { clockWords, countWords } from "./words.js";

/** What happens within this time is said in one sentence, in milliseconds. */
const QUIET_MS = 1_500;

/** Begins to tell. @returns what tells anew: the address of the page has changed */
export function tellAll({ banners, live, address, announcer }) {
  const heard = listener(announcer);
  const draw = () => {
    address.textContent = model.store ?? "";
    show(live, ...liveWords());
    show(banners, ...[serverAway(), storeAway(), linkBanner()].filter(Boolean));
  };
  onChange((change) => {
    draw();
    heard(change);
  });
  draw();
  return draw;
}

function liveWords() {
  if (model.connection === "paused") return [el("span", {}, "Paused")];
  if (model.connection !== "live") return [];
  if (model.away) return [el("span", { class: "dot warning", "aria-hidden": "true" }), "Store away"];
  const checked = model.checkedAt ? [", checked ", age(model.checkedAt)] : [];
  return [el("span", { class: "dot good", "aria-hidden": "true" }), el("span", {}, "Live", ...checked)];
}

function serverAway() {
  if (model.connection !== "lost") return undefined;
  return banner("bad", "The server of this page does not answer", [
    `Since ${clockWords(model.lostAt)}. What is below is what was known then. `,
    "Is wa-vault serve still running? This page goes on by itself once it is.",
  ]);
}

function storeAway() {
  const { away } = model;
  if (away === undefined || model.connection !== "live") return undefined;
  const title = away.code === "UNAVAILABLE" ? "The store does not answer" : "The store cannot be read";
  const known = model.checkedAt ? ` What is below was true at ${clockWords(model.checkedAt)}.` : "";
  return banner("warning", `${title} since ${clockWords(away.since)}`, [
    el("span", { class: "said" }, away.message),
    known,
    away.hint ? ` ${away.hint}` : "",
    " It is asked again all the time.",
  ]);
}

function linkBanner() {
  if (model.linkRequests.length === 0 || location.pathname.startsWith("/qr/")) return undefined;
  const links = model.linkRequests.map(({ session }) =>
    el("a", { class: "button", href: `/qr/${session}`, "data-nav": true }, `Link ${session}`),
  );
  return banner("info", `${countWords(model.linkRequests.length, "bot waits", "bots wait")} to be linked`, links);
}

function banner(tone, title, words) {
  const body = el("div", { class: "banner-words" }, words);
  return el("section", { class: `banner ${tone}`, "aria-label": title }, el("h2", {}, title), body);
}

/** Says what a person must know, and not each save: sessions whose status has changed, and what is away. */
function listener(announcer) {
  let waiting = [];
  let timer;
  const said = { connection: model.connection, isAway: false, asking: 0 };
  const speak = () => {
    timer = undefined;
    announcer.textContent = waiting.length > 3 ? `${waiting.length} changes of sessions.` : waiting.join(" ");
    waiting = [];
  };
  return (change) => {
    if (change.before && !change.isWhole) waiting.push(...statusChanges(change));
    if (said.connection === "live" && model.connection === "lost")
      waiting.push("The server of this page does not answer.");
    if (!said.isAway && model.away) waiting.push("The store does not answer.");
    if (said.isAway && !model.away) waiting.push("The store answers again.");
    if (model.linkRequests.length > said.asking) waiting.push("A bot waits to be linked.");
    Object.assign(said, {
      connection: model.connection,
      isAway: model.away !== undefined,
      asking: model.linkRequests.length,
    });
    if (waiting.length > 0) timer = timer ?? setTimeout(speak, QUIET_MS);
  };
}

function statusChanges({ before, changed }) {
  return changed.flatMap((name) => {
    const [was, is] = [before.get(name)?.status, model.sessions.get(name)?.status];
    if (was === is) return [];
    return [is === undefined ? `${name} is gone.` : `${name}: ${STATUSES[is].word}.`];
  });
}
