// IndexedDB in promises, the databases by their real names, and a hash that is fast enough for a transaction: an
// await on WebCrypto inside one would end it.
const stores = {
  wawc: { user: "key" },
  wawc_db_enc: { keys: "id" },
  "signal-storage": { "signal-meta-store": "key", checkpoint: "key" },
  "model-storage": { chain: "seq", payload: "seq", message: "id", media: "id" },
};
const opened = new Map();

/** The open database `name`, created with its stores when it is not there. */
function open(name) {
  const known = opened.get(name);
  if (known) return known;
  const promise = new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const [store, keyPath] of Object.entries(stores[name])) request.result.createObjectStore(store, { keyPath });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error(`${name} is open in another page`));
  });
  opened.set(name, promise);
  return promise;
}

/** Runs `work(store, …)` in one transaction; resolves with the result of the request it returns, once committed. */
async function transact(name, names, mode, work) {
  const database = await open(name);
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(names, mode);
    const request = work(...names.map((store) => transaction.objectStore(store)));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error ?? new Error(`a transaction on ${name} was aborted`));
  });
}

const read = (name, store, key) => transact(name, [store], "readonly", (s) => s.get(key));
const write = (name, store, value) => transact(name, [store], "readwrite", (s) => s.put(value));

/** Visits all records of a store in key order, in batches, so that a large one does not fill the memory. */
async function visit(name, store, visitor, batch = 2000) {
  let after;
  for (;;) {
    const range = after === undefined ? undefined : IDBKeyRange.lowerBound(after, true);
    const records = await transact(name, [store], "readonly", (s) => s.getAll(range, batch));
    for (const record of records) await visitor(record);
    if (records.length < batch) return;
    after = records.at(-1)[stores[name][store]];
  }
}

/** Empties every database; they stay, as they do on the real site. */
async function wipe() {
  for (const [name, own] of Object.entries(stores)) {
    await transact(name, Object.keys(own), "readwrite", (...all) => {
      for (const store of all) store.clear();
    });
  }
}

/** 106 bits of a text, as hex. Tells damage, not attackers. */
function hash(text) {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  let c = 0x9e3779b9;
  let d = 0x85ebca6b;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
    c = Math.imul(c ^ (code + i), 2246822507);
    d = Math.imul(d ^ (code + i), 3266489909);
  }
  return [a ^ (b >>> 16), b ^ (c >>> 13), c ^ (d >>> 16), d ^ (a >>> 13)]
    .map((word) => (word >>> 0).toString(16).padStart(8, "0"))
    .join("");
}

/** `length` random bytes; the browser hands out at most 64 KiB at a time. */
function randomBytes(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

window.parts = { transact, read, write, visit, wipe, hash, randomBytes, toBase64, fromBase64 };
