// What a linked device is made of, spread over Local Storage and three databases so that each part needs the others:
//
//   Local Storage  WANoiseInfo, WAWebEncKeySalt   bind the box (its additional data)
//   wawc_db_enc    keys                           a CryptoKey that opens the box; a new one at every load
//   signal-storage registration                   the box: the device's secret
//   wawc           me                             whose phone, sealed with that secret
//
// Parts of two pairings, or of two runs of one pairing, do not open one another.
const { read, write, transact, wipe, hash, randomBytes, toBase64, fromBase64 } = window.parts;
const utf8 = (text) => new TextEncoder().encode(text);

/** The noise key pair of this installation: made before linking, part of the QR. */
function noiseInfo() {
  const stored = localStorage.getItem("WANoiseInfo");
  if (stored) return JSON.parse(stored);
  const made = { privKey: toBase64(randomBytes(32)), pubKey: toBase64(randomBytes(32)) };
  localStorage.setItem("WANoiseInfo", JSON.stringify(made));
  return made;
}

const bound = () => utf8(`${localStorage.getItem("WAWebEncKeySalt")}|${localStorage.getItem("WANoiseInfo")}`);

/** Puts `secret` into a box that a new key opens. Every step leaves a box with its key, so it may end anywhere. */
async function seal(secret, keyId) {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = randomBytes(12);
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound() }, key, utf8(secret));
  await write("wawc_db_enc", "keys", { id: keyId, key });
  await write("signal-storage", "signal-meta-store", { key: "registration", keyId, iv, box });
  await transact("wawc_db_enc", ["keys"], "readwrite", (keys) => keys.delete(IDBKeyRange.upperBound(keyId, true)));
}

/** Links the device to the phone `wid`. */
async function link(wid) {
  await wipe();
  noiseInfo();
  const secret = toBase64(randomBytes(32));
  localStorage.setItem("WAWebEncKeySalt", toBase64(randomBytes(16)));
  localStorage.removeItem("WALastSequence");
  await seal(secret, 1);
  await write("wawc", "user", { key: "me", wid, sealed: hash(`${secret}|${wid}`), pairedAt: Date.now(), loads: 1 });
  localStorage.setItem("last-wid-md", JSON.stringify(wid));
  return { wid, secret };
}

/** `{ wid, secret, loads }` of a device that is linked, `{ reason }` of one that is not. */
async function check() {
  const wid = JSON.parse(localStorage.getItem("last-wid-md") ?? "null");
  const me = await read("wawc", "user", "me");
  const registration = await read("signal-storage", "signal-meta-store", "registration");
  if (!wid && !me && !registration) return { reason: "never linked" };
  if (!wid) return { reason: "Local Storage has no last-wid-md" };
  if (!localStorage.getItem("WAWebEncKeySalt")) return { reason: "Local Storage has no WAWebEncKeySalt" };
  if (!me) return { reason: "wawc has no user" };
  if (!registration) return { reason: "signal-storage has no registration" };
  const stored = await read("wawc_db_enc", "keys", registration.keyId);
  if (!stored) return { reason: `wawc_db_enc has no key ${registration.keyId}` };
  let secret;
  try {
    const algorithm = { name: "AES-GCM", iv: registration.iv, additionalData: bound() };
    secret = new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, stored.key, registration.box));
  } catch {
    return { reason: "the registration does not open: its parts are of different versions" };
  }
  if (me.sealed !== hash(`${secret}|${wid}`)) return { reason: "wawc and signal-storage are of different versions" };
  return { wid, secret, keyId: registration.keyId, me };
}

/** What a page does when it finds itself linked: new key, one more load. */
async function renew({ secret, keyId, me }) {
  await seal(secret, keyId + 1);
  await write("wawc", "user", { ...me, loads: me.loads + 1 });
}

/** What a logout does. */
async function unlink() {
  localStorage.clear();
  await wipe();
}

Object.assign(window.parts, { noiseInfo, link, check, renew, unlink, fromBase64 });
