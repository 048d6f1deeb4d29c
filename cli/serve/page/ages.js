// Times that people read as ages, and that grow older on the page.
import { el } from "./dom.js";
import { agoWords, timeWords } from "./words.js";

/** Ages are written anew this often, in milliseconds. */
const EVERY_MS = 5_000;

/** An age that stays true for as long as it is on the page; the time itself is its title. */
export function age(at) {
  return el("time", { datetime: at, title: timeWords(at), "data-ago": true }, agoWords(at));
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = agoWords(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}, EVERY_MS);
