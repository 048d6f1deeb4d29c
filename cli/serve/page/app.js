// Shows what the address names: all sessions, one session, or the code of a bot.
import { call, setToken, token } from "./api.js";
import { tellAll } from "./banners.js";
import { detail } from "./detail.js";
import { el } from "./dom.js";
import { login } from "./login.js";
import { listen, model, stop } from "./model.js";
import { overview } from "./overview.js";
import { qr } from "./qr.js";

const main = document.getElementById("main");
const logOut = document.getElementById("log-out");
let end = () => {};
/** Whether the server answers this person. */
let isOpen = false;

function view() {
  const [, kind, name] = /^\/(sessions|qr)\/([^/]+)/.exec(location.pathname) ?? [];
  if (kind === undefined) return overview(main);
  return kind === "qr" ? qr(main, named(name)) : detail(main, named(name));
}

function named(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Shows the address. @param isMove whether the person has gone there, and begins to read at its heading */
function draw(isMove) {
  if (!isOpen) return;
  end();
  end = view() ?? (() => {});
  tellAnew();
  if (!isMove) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function start() {
  isOpen = true;
  logOut.hidden = token() === null;
  draw(false);
  listen(askForToken);
}

function askForToken(failed) {
  isOpen = false;
  stop();
  setToken(null);
  logOut.hidden = true;
  end();
  end = () => {};
  Object.assign(model, { connection: "connecting", sessions: new Map(), linkRequests: [], store: undefined });
  Object.assign(model, { checkedAt: undefined, away: undefined });
  login(main, start, failed);
}

/** The server may be away when the page is opened from what the browser has kept. */
async function begin() {
  try {
    const { needsToken } = await call("/api");
    if (needsToken && token() === null) askForToken();
    else start();
  } catch (error) {
    const again = el("button", { type: "button", click: begin }, "Try again");
    main.replaceChildren(
      el("h1", {}, "No answer"),
      el("div", { class: "empty", role: "alert" }, el("p", {}, error.message), again),
    );
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-nav]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  if (link.pathname !== location.pathname) history.pushState(null, "", link.href);
  draw(true);
});
addEventListener("popstate", () => draw(true));
logOut.addEventListener("click", () => askForToken());
const part = (id) => document.getElementById(id);
const tellAnew = tellAll({
  banners: part("banners"),
  live: part("live"),
  address: part("address"),
  announcer: part("announcer"),
});
void begin();
