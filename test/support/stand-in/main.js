// The page's life, and what a test can do to it: `window.standIn`.
const parts = window.parts;
const { Socket, Conn, Cmd } = parts;
let linked = false;
let announced = false;
/** Whether the server has removed the device while the page was not open. */
let removed = false;

function setState(state) {
  Socket.state = state;
  Socket.trigger("change:state", Socket, state);
}

/** What whatsapp-web.js answers with `authenticated` and `ready`. */
function resync() {
  announced = Socket.hears("change:hasSynced");
  Socket.hasSynced = true;
  Socket.trigger("change:hasSynced", Socket, true);
}

// The real site syncs long after the client has begun to listen; here it must not be missed, so it waits for that.
Socket.onSubscribed = (name) => {
  if (name === "change:hasSynced" && linked && !announced) setTimeout(resync, 20);
  if (name === "change:state" && removed) void logOut();
};

/** The phone scans the QR, or types the code. */
async function pair({ wid = parts.askedFor() ? `${parts.askedFor()}@c.us` : "15550001111@c.us" } = {}) {
  if (linked) throw new Error("already linked");
  setState("PAIRING");
  const device = await parts.link(wid);
  parts.begin(device.secret);
  await parts.append([`linked to ${wid}`]);
  linked = true;
  parts.setWid(wid);
  setState("CONNECTED");
  resync();
  return { wid };
}

/**
 * The device is removed: on the phone (`"unlink"`: the page navigates, as the real one does), by the server (`"state"`:
 * the socket says UNPAIRED), or its storage is gone (`"storage"`: the page, loaded again, is a new one).
 */
async function unlink({ how = "unlink" } = {}) {
  linked = false;
  await parts.stopWriter();
  await parts.unlink();
  if (how === "state") return setState("UNPAIRED");
  if (how === "storage") return void setTimeout(() => location.reload(), 50);
  Cmd.trigger("logout");
  setTimeout(() => location.assign("/?post_logout=1"), 50);
}

/** The page connects, learns that the device was removed, and logs itself out. */
async function logOut() {
  await parts.unlink();
  location.assign("/?post_logout=1");
}

Socket.logout = async () => {
  linked = false;
  await parts.stopWriter();
  await parts.unlink();
};
Socket.takeover = () => setState("CONNECTED");

function refreshQr() {
  Conn.ref = parts.toBase64(parts.randomBytes(24));
  Conn.trigger("change:ref", Conn, Conn.ref);
}

/** A message arrives, is written to the history, and is told to the client. */
async function receive(body) {
  const { sequence } = await parts.append([body]);
  const from = { server: "c.us", user: "15557654321", _serialized: "15557654321@c.us" };
  const id = {
    fromMe: false,
    remote: from._serialized,
    id: `M${sequence}`,
    _serialized: `false_${from._serialized}_M${sequence}`,
  };
  const model = {
    id,
    body,
    type: "chat",
    t: Math.floor(Date.now() / 1000),
    from,
    to: from,
    ack: 1,
    isNewMsg: true,
    mentionedJidList: [],
    groupMentions: [],
    links: [],
  };
  const message = Object.assign(new parts.Model(), model, { serialize: () => ({ ...model }) });
  parts.Msg.trigger("add", message);
  return { sequence };
}

async function look() {
  const found = await parts.check();
  if (found.reason) return { linked: false, reason: found.reason };
  const { known, ...chain } = await parts.verify(found.secret);
  const checkpoint = await parts.read("signal-storage", "checkpoint", "chain");
  const local = JSON.parse(localStorage.getItem("WALastSequence") ?? "null");
  const verdict = {
    linked: true,
    wid: found.wid,
    loads: found.me.loads,
    ...chain,
    // null stands for "another history": infinity does not travel as JSON.
    checkpointAhead: finite(parts.ahead(checkpoint, known, chain.lastSequence)),
    localStorageAhead: finite(parts.ahead(local, known, chain.lastSequence)),
    localStorageSequence: local?.seq ?? 0,
    ...(await parts.missingMedia()),
    ...(await parts.badMessages()),
  };
  await parts.renew(found);
  return verdict;
}

const finite = (number) => (Number.isFinite(number) ? number : null);

const loaded = look().catch((error) => ({ linked: false, reason: `the storage cannot be read: ${error}` }));

window.standIn = {
  /** What the page found when it was loaded. */
  verdict: () => loaded,
  pair,
  unlink,
  setState,
  resync,
  refreshQr,
  receive,
  /** One small record; resolves with its sequence number and hash once it is committed. */
  write: (body = "a small write") => parts.append([body]),
  /** The hash of the record with this number, undefined when it is not there. */
  record: async (sequence) => (await parts.read("model-storage", "chain", sequence))?.hash,
  fill: parts.fill,
  startWriter: parts.startWriter,
  stopWriter: parts.stopWriter,
};
window.Debug = { VERSION: "2.3000.1099999999" };

void loaded.then((verdict) => {
  // The server has removed devices whose history ends at one of these records: told once somebody waits for the state.
  removed = verdict.linked && window.removedSequences?.includes(verdict.lastSequence);
  if (removed) return Socket.hears("change:state") ? logOut() : undefined;
  // The server refuses devices whose history ends at one of these records.
  linked = verdict.linked && !window.refusedSequences?.includes(verdict.lastSequence);
  if (linked) parts.setWid(verdict.wid);
  setState(linked ? "CONNECTED" : "UNPAIRED");
});
