// A QR code of one bot, big enough to be scanned, or its pairing code.
import { call } from "./api.js";
import { el, show } from "./dom.js";
import { model, onChange } from "./model.js";
import { durationWords } from "./words.js";

/** WhatsApp replaces a QR code after 20 s, mostly: an older one may be refused. */
const FRESH_MS = 20_000;

/** Shows what the bot `name` asks for. @returns the end of it */
export function qr(main, name) {
  document.title = `Link ${name} – wa-vault`;
  const board = el("div", { class: "qr-board", "aria-live": "polite" });
  const since = el("p", { class: "qr-age" });
  const steps = el("div", { class: "qr-steps" });
  main.replaceChildren(
    el("a", { class: "back", href: "/", "data-nav": true }, "All sessions"),
    el("div", { class: "qr" }, el("h1", { tabindex: "-1" }, `Link ${name}`), board, since, steps),
  );
  let shown;
  let wasShown = false;
  let isEnded = false;

  async function draw() {
    const request = model.linkRequests.find(({ session }) => session === name);
    if (request && shown?.at === request.at) return;
    if (!request) {
      show(board, ...waiting(wasShown));
      shown = undefined;
    } else {
      const got = await call(`/api/qr/${encodeURIComponent(name)}`).catch(() => undefined);
      if (isEnded || got === undefined) return;
      shown = got;
      wasShown = true;
      show(board, got.code ? el("p", { class: "code" }, got.code) : image(got.svg));
    }
    show(steps, ...(shown ? [shown.code ? codeSteps() : qrSteps()] : []));
    tick();
  }

  function image(svgText) {
    return el("img", { src: `data:image/svg+xml,${encodeURIComponent(svgText)}`, alt: `QR code that links ${name}` });
  }

  function tick() {
    const ms = shown ? Date.now() - Date.parse(shown.at) : 0;
    const old = shown && !shown.code && ms > FRESH_MS ? " WhatsApp may want the next one by now." : "";
    since.textContent = shown ? `Sent by the bot ${ms < 1_500 ? "just now" : `${durationWords(ms)} ago`}.${old}` : "";
  }

  void draw();
  const timer = setInterval(tick, 1_000);
  const end = onChange(() => void draw());
  return () => {
    isEnded = true;
    clearInterval(timer);
    end();
  };
}

function waiting(wasShown) {
  return [
    el("p", { class: "strong" }, wasShown ? "The code is gone." : "No code is here now."),
    el(
      "p",
      {},
      wasShown
        ? "The bot was linked, or its code has run out. A new one is shown here as soon as the bot sends it."
        : "It is shown here as soon as the bot sends one. Leave this page open.",
    ),
  ];
}

function qrSteps() {
  return el("ol", {}, [
    el("li", {}, "Open WhatsApp on the phone that the bot is to be linked with."),
    el("li", {}, "Settings, Linked devices, Link a device."),
    el("li", {}, "Point the phone at this code."),
  ]);
}

function codeSteps() {
  return el("ol", {}, [
    el("li", {}, "Open WhatsApp on the phone that the bot is to be linked with."),
    el("li", {}, "Settings, Linked devices, Link a device, Link with phone number instead."),
    el("li", {}, "Type this code."),
  ]);
}
