// The history of the device: one record per write, each holding the hash of the one before it, each with a payload that
// is deleted 200 records later so that the store is compacted. What was committed and is missing, or is older than
// something that depends on it, shows.
const { transact, write, visit, hash, randomBytes } = window.parts;
const kept = 200;
const words =
  "the a of session phone number chat hello ok thanks photo voice group today tomorrow why not yes no later".split(" ");

let tail = { seq: 0, hash: "" };
let queue = Promise.resolve();
let writing;
let written = 0;

/** About `length` characters that compress as chats do. */
function text(length) {
  let line = "";
  while (line.length < length)
    line += `${words[Math.floor(Math.random() * words.length)]} ${Math.random().toString(36).slice(2, 8)} `;
  return line;
}

const link = (seq, previous, body) => hash(`${seq}|${previous}|${hash(body)}`);

/** Starts an empty history that is bound to the device's secret. */
function begin(secret) {
  tail = { seq: 0, hash: hash(secret) };
}

/** Appends one record per body, in one transaction, after whatever is being written. Resolves when committed. */
function append(bodies) {
  const result = queue.then(async () => {
    let { seq, hash: previous } = tail;
    await transact("model-storage", ["chain", "payload"], "readwrite", (chain, payload) => {
      for (const body of bodies) {
        seq++;
        const own = link(seq, previous, body);
        chain.put({ seq, previous, body: hash(body), hash: own });
        payload.put({ seq, body });
        if (seq > kept) payload.delete(seq - kept);
        previous = own;
      }
    });
    tail = { seq, hash: previous };
    // Both only after the commit: on a disk of one moment neither is ever ahead of the chain.
    if (Math.floor(seq / 20) > Math.floor((seq - bodies.length) / 20)) {
      await write("signal-storage", "checkpoint", { key: "chain", ...tail });
    }
    localStorage.setItem("WALastSequence", JSON.stringify(tail));
    return { sequence: seq, hash: previous };
  });
  queue = result.catch(() => {});
  return result;
}

/** Writes transactions one after the other, without a pause, until `stopWriter`. */
function startWriter({ bodyBytes = 2000, batch = 4, pauseMs = 0 } = {}) {
  if (writing) return;
  const run = { stopped: false };
  written = 0;
  run.done = (async () => {
    while (!run.stopped) {
      await append(Array.from({ length: batch }, () => text(bodyBytes)));
      written += batch;
      if (written % 100 < batch) await media(`writer-${Math.floor(written / 100) % 8}`, 20_000);
      if (pauseMs) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  writing = run;
}

/** Ends the writer; resolves with how many records it wrote. Rejects with what ended it before. */
async function stopWriter() {
  const run = writing;
  writing = undefined;
  if (!run) return { written: 0, ...tail };
  run.stopped = true;
  await run.done;
  return { written, sequence: tail.seq, hash: tail.hash };
}

/** One value that Chromium keeps in a file of its own. */
function media(id, bytes) {
  const content = randomBytes(bytes);
  const ends = hash(`${content.subarray(0, 16).join()}|${content.subarray(-16).join()}`);
  return write("model-storage", "media", { id, blob: new Blob([content]), bytes, ends });
}

/** Adds about `bytes` of text and binary, so much of it in files of its own. Text is what LevelDB compresses. */
async function fill(bytes, { blobShare = 0.5 } = {}) {
  const run = Math.random().toString(36).slice(2);
  let blobBytes = Math.round(bytes * blobShare);
  for (let n = 0; blobBytes > 0; n++) {
    const size = Math.min(blobBytes, 400_000);
    await media(`${run}-${n}`, size);
    blobBytes -= size;
  }
  let rest = bytes - Math.round(bytes * blobShare);
  for (let n = 0; rest > 0; ) {
    await transact("model-storage", ["message"], "readwrite", (message) => {
      for (let i = 0; i < 50 && rest > 0; i++, n++) {
        const size = Math.min(rest, 16_000);
        // Half text, half thumbnails: what does not compress has its place in the tables too.
        const body = text(size / 2);
        message.put({
          id: `${run}-${n}`,
          body,
          check: hash(body),
          thumbnail: randomBytes(size - body.length > 0 ? size - body.length : 1),
        });
        rest -= size;
      }
    });
  }
}

/** Reads everything back. Rejects when a database cannot be read. */
async function verify(secret) {
  let previous = hash(secret);
  let last = { seq: 0, hash: previous };
  let broken;
  const known = new Map();
  await visit("model-storage", "chain", (record) => {
    const expected = hash(`${record.seq}|${previous}|${record.body}`);
    if (!broken && (record.seq !== last.seq + 1 || record.previous !== previous || record.hash !== expected)) {
      broken = `broken at ${last.seq + 1}`;
    }
    last = { seq: record.seq, hash: record.hash };
    previous = record.hash;
    known.set(record.seq, record);
  });
  let expected = Math.max(1, last.seq - kept + 1);
  await visit(
    "model-storage",
    "payload",
    ({ seq, body }) => {
      if (seq !== expected++ || hash(body) !== known.get(seq)?.body) broken ??= `broken at ${seq} (payload)`;
    },
    100,
  );
  if (expected !== last.seq + 1) broken ??= `broken at ${expected} (payload)`;
  tail = last;
  return { chain: broken ?? "ok", lastSequence: last.seq, lastHash: last.hash, known };
}

/** How far something that follows the chain is ahead of it; 0 when it is not. */
function ahead(follower, known, last) {
  if (!follower) return 0;
  if (follower.seq > last) return follower.seq - last;
  return follower.seq > 0 && known.get(follower.seq)?.hash !== follower.hash ? Number.POSITIVE_INFINITY : 0;
}

/** Counts media whose file is missing or not what was written. */
async function missingMedia() {
  let blobs = 0;
  let missing = 0;
  await visit(
    "model-storage",
    "media",
    async ({ blob, bytes, ends }) => {
      blobs++;
      try {
        const head = new Uint8Array(await blob.slice(0, 16).arrayBuffer());
        const end = new Uint8Array(await blob.slice(Math.max(0, bytes - 16)).arrayBuffer());
        if (blob.size !== bytes || hash(`${head.join()}|${end.join()}`) !== ends) missing++;
      } catch {
        missing++;
      }
    },
    50,
  );
  return { blobs, missingBlobs: missing };
}

/** Counts text records, and those that are not what was written. */
async function badMessages() {
  let messages = 0;
  let bad = 0;
  await visit(
    "model-storage",
    "message",
    ({ body, check }) => {
      messages++;
      if (hash(body) !== check) bad++;
    },
    200,
  );
  return { messages, badMessages: bad };
}

Object.assign(window.parts, {
  begin,
  append,
  text,
  startWriter,
  stopWriter,
  fill,
  verify,
  ahead,
  missingMedia,
  badMessages,
});
