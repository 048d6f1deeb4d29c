// What the page knows, kept up to date by the server's events while somebody looks.
import { readEvents, token } from "./api.js";

/** How long a hidden page goes on to listen, in milliseconds: nobody looks at it. */
const HIDDEN_MS = 30_000;
/** The longest pause before the server is asked again, in milliseconds. */
const MOST_PAUSE_MS = 15_000;

export const model = {
  /** `connecting`, `live` or `lost`. */
  connection: "connecting",
  lostAt: undefined,
  store: undefined,
  canChange: false,
  olderThanMs: undefined,
  checkedAt: undefined,
  away: undefined,
  sessions: new Map(),
  linkRequests: [],
};

const listeners = new Set();

/** Calls `told` with the names of what has changed. @returns the end of it */
export function onChange(told) {
  listeners.add(told);
  return () => listeners.delete(told);
}

function tell(change) {
  for (const told of [...listeners]) told(change);
}

const EVENTS = {
  snapshot({ sessions, ...rest }) {
    const before = model.sessions;
    Object.assign(model, { away: undefined, checkedAt: undefined }, rest);
    model.sessions = new Map(sessions.map((one) => [one.session, one]));
    tell({ sessions: true, before, changed: sessions.map((one) => one.session), isWhole: true });
  },
  update({ changed, removed, checkedAt, away }) {
    const before = new Map(model.sessions);
    Object.assign(model, { checkedAt, away });
    for (const one of changed) model.sessions.set(one.session, one);
    for (const name of removed) model.sessions.delete(name);
    tell({ sessions: true, before, changed: [...changed.map((one) => one.session), ...removed] });
  },
  "link-requests"({ linkRequests }) {
    model.linkRequests = linkRequests;
    tell({ linkRequests: true });
  },
};

let running;

/** Listens to the server until it refuses the token. @param onDenied called then */
export function listen(onDenied) {
  stop();
  const ended = new AbortController();
  running = ended;
  let hidden;
  let stream = new AbortController();
  let wake = () => {};
  const look = () => {
    clearTimeout(hidden);
    if (!document.hidden) return wake();
    hidden = setTimeout(() => stream.abort(), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look, { signal: ended.signal });
  addEventListener("online", () => wake(), { signal: ended.signal });
  ended.signal.addEventListener("abort", () => {
    clearTimeout(hidden);
    stream.abort();
    wake();
  });
  const pause = (ms) =>
    new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async () => {
    for (let failures = 0; !ended.signal.aborted; ) {
      stream = new AbortController();
      try {
        const onOpen = () => {
          failures = 0;
          connected("live");
        };
        await readEvents("/api/events", {
          signal: stream.signal,
          onOpen,
          onEvent: (name, data) => EVENTS[name]?.(data),
        });
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error.status === 401) return onDenied(token() === null ? undefined : error);
      }
      if (ended.signal.aborted) return;
      connected(document.hidden ? "paused" : "lost");
      await (document.hidden ? pause() : pause(Math.min(1_000 * 2 ** failures, MOST_PAUSE_MS)));
      failures++;
    }
  };
  void run();
}

/** Stops listening. */
export function stop() {
  running?.abort();
}

function connected(connection) {
  if (model.connection === connection) return;
  if (connection === "lost") model.lostAt = new Date().toISOString();
  model.connection = connection;
  tell({ connection: true });
}
