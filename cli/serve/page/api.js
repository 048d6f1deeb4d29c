// Calls of the server, and the token that they show. The token is kept for this tab alone.

const KEY = "wa-vault-token";
let memory = null;

/** What the server has refused, or that it did not answer (`status` 0). */
export class ApiError extends Error {
  constructor(status, { code, message, hint }) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory; // The browser keeps nothing for this page.
  }
}

/** @param value `null` to forget it */
export function setToken(value) {
  memory = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // It lasts until the page is loaded anew.
  }
}

function authorization() {
  const known = token();
  return known === null ? {} : { authorization: `Bearer ${known}` };
}

/** Calls the API. @returns the JSON of the answer @throws ApiError, AbortError */
export async function call(path, { method = "GET", body, signal } = {}) {
  const headers = { ...authorization(), ...(body ? { "content-type": "application/json" } : {}) };
  const response = await send(path, { method, headers, signal, body: body && JSON.stringify(body) });
  return response.status === 204 ? undefined : await response.json();
}

/** Reads a stream of events until it ends. @throws ApiError, AbortError */
export async function readEvents(path, { signal, onOpen, onEvent }) {
  const response = await send(path, { headers: { ...authorization(), accept: "text/event-stream" }, signal });
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) tell(event, onEvent);
  }
}

function tell(event, onEvent) {
  let name = "message";
  const data = [];
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  if (data.length > 0) onEvent(name, JSON.parse(data.join("\n")));
}

async function send(path, options) {
  const response = await fetch(path, { ...options, cache: "no-store" }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "UNAVAILABLE", message: "The server of this page does not answer." });
  });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new ApiError(response.status, error ?? { code: "UNKNOWN", message: `The server answered ${response.status}.` });
}
