// What whatsapp-web.js asks the page for by `window.require(name)`. Anything not named here answers with an object on
// which everything exists and does nothing.
const { noiseInfo, randomBytes, toBase64, fromBase64 } = window.parts;

/** The event model of the real site: several names in one string, handlers called with (model, value). */
class Model {
  #handlers = new Map();
  on(names, handler) {
    for (const name of names.split(" ")) this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), handler]);
    this.onSubscribed?.(names);
  }
  once(names, handler) {
    const once = (...values) => {
      this.off(names, once);
      handler(...values);
    };
    this.on(names, once);
  }
  off(names, handler) {
    for (const name of names.split(" ")) {
      this.#handlers.set(
        name,
        (this.#handlers.get(name) ?? []).filter((own) => own !== handler),
      );
    }
  }
  hears(name) {
    return (this.#handlers.get(name) ?? []).length > 0;
  }
  trigger(name, ...values) {
    for (const handler of this.#handlers.get(name) ?? []) handler(...values);
  }
}

class Collection extends Model {
  get() {}
  find() {
    return Promise.resolve(undefined);
  }
  getModelsArray() {
    return [];
  }
  getMessagesById() {
    return Promise.resolve({ messages: [] });
  }
}

const Socket = Object.assign(new Model(), { state: "OPENING", hasSynced: false });
const Conn = Object.assign(new Model(), {
  ref: toBase64(randomBytes(24)),
  serialize: () => ({ pushname: "Stand-in", platform: "android", ref: Conn.ref }),
});
const Cmd = Object.assign(new Model(), { refreshQR: () => window.standIn.refreshQr() });

let wid;
const user = () => {
  if (!wid) return undefined;
  const [name, server] = wid.split("@");
  return { user: name, server, _serialized: wid };
};

const codeLetters = "123456789ABCDEFGHJKLMNPQRSTVWXYZ";
let askedFor;
const linking = {
  setPairingType() {},
  async initializeAltDeviceLinking() {},
  async initializeQRLinking() {},
  async startAltLinkingFlow(phoneNumber) {
    askedFor = phoneNumber;
    return Array.from(randomBytes(8), (byte) => codeLetters[byte % codeLetters.length]).join("");
  },
};

const keyPair = (base64) => ({ pubKey: fromBase64(base64).buffer });
const identity = toBase64(randomBytes(32));
const adv = toBase64(randomBytes(32));

const modules = {
  WAWebSocketModel: { Socket },
  WAWebConnModel: { Conn },
  WAWebCmd: { Cmd },
  WAWebOfflineHandler: { OfflineMessageHandler: { getOfflineDeliveryProgress: () => 100 } },
  WAWebAltDeviceLinkingApi: linking,
  WABase64: { encodeB64: toBase64, decodeB64: fromBase64 },
  WAWebCompanionRegClientUtils: { DEVICE_PLATFORM: "1", getCompanionWebClientFromBrowser: () => "1" },
  WAWebAdvSignatureApi: { verifyKeyIndexListAccountSignature: () => true },
  WAWebUserPrefsInfoStore: {
    waNoiseInfo: { get: async () => ({ staticKeyPair: keyPair(noiseInfo().pubKey) }) },
    getADVSecretKey: () => adv,
  },
  WAWebUserPrefsMultiDevice: { getADVSecretKey: () => adv },
  WAWebSignalStoreApi: {
    waSignalStore: { getRegistrationInfo: async () => ({ identityKeyPair: keyPair(identity) }) },
  },
  WAWebUserPrefsMeUser: { getMaybeMePnUser: user, getMaybeMeLidUser: user, getMeUser: user },
  WAWebCollections: Object.fromEntries(
    ["Msg", "Chat", "Call", "Contact", "GroupMetadata", "Label", "Presence", "Status", "Sticker", "Blocklist"].map(
      (name) => [name, new Collection()],
    ),
  ),
  WAWebCallCollection: Object.assign(new Collection(), { calls: new Map() }),
};

/** Takes every property, every call and every assignment; is no promise and no text. */
function permissive() {
  const own = new Map();
  return new Proxy(() => {}, {
    get(_target, key) {
      if (own.has(key)) return own.get(key);
      if (key === "then" || typeof key === "symbol") return undefined;
      if (key === "bind" || key === "call" || key === "apply") return Function.prototype[key];
      own.set(key, permissive());
      return own.get(key);
    },
    set(_target, key, value) {
      own.set(key, value);
      return true;
    },
    apply: () => permissive(),
    ownKeys: () => [],
    getOwnPropertyDescriptor: () => undefined,
  });
}

const others = new Map();
window.require = (name) => {
  if (Object.hasOwn(modules, name)) return modules[name];
  if (!others.has(name)) others.set(name, permissive());
  return others.get(name);
};

Object.assign(window.parts, {
  Model,
  Socket,
  Conn,
  Cmd,
  Msg: modules.WAWebCollections.Msg,
  askedFor: () => askedFor,
  setWid: (value) => {
    wid = value;
  },
});
