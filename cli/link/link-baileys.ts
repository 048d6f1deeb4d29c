import { setTimeout as delay } from "node:timers/promises";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { withDeadline, withSignal } from "../../lib/async/deadline.ts";
import { peekAuthState, useVaultAuthState, type VaultAuthState } from "../../lib/baileys/index.ts";
import { VaultError } from "../../lib/errors.ts";
import { sayingHowToWait, untilFree } from "../change/lease.ts";
import type { Cli } from "../cli.ts";
import { durationWords } from "../terminal/words.ts";
import { endOfSocket, type MakeSocket, passkeyWanted, SILENT, type Socket, tagsOf } from "./baileys-socket.ts";
import { commandWords } from "./copied-calls.ts";
import { mayReplace, otherPhone, storedMeanwhile } from "./held-session.ts";
import { type LinkOptions, type LinkRequest, numberOf, phoneWords } from "./link-request.ts";
import { exported } from "./project-library.ts";
import { LinkPrompt } from "./prompt.ts";
import { say } from "./say.ts";

export interface LinkBaileysOptions extends LinkRequest {
  /** The Baileys of the bot. */
  readonly module: unknown;
  readonly options: LinkOptions;
}

/** What a socket has come to. */
type Ended = "open" | "restart" | "again";

/** With this status WhatsApp tells a client to connect again, as after it was linked. */
const RESTART = 515;
const TIMED_OUT = 408;
/** Refused, banned, replaced by another client, damaged: connecting again changes nothing. */
const FINAL = [401, 403, 411, 440, 500];
const MOST_LOSSES = 5;
const AGAIN_MS = 2_000;
/** A socket that is ended before it is up to date would not have answered what it was told; some are never told that they are. */
const UP_TO_DATE_MS = 20_000;
/** How long the end of a socket may take, in milliseconds. */
const END_MS = 5_000;
/** How long a link that has failed tries to take back what it has deleted, in milliseconds. */
const BRING_BACK_MS = 30_000;

/**
 * Links a session of Baileys, stores it and reads it back. Nothing is written before the phone has agreed; what is stored of
 * an earlier link is deleted then, and stays beside the new one as a generation.
 * @throws as `useVaultAuthState`; `CANCELLED`; `DENIED` when WhatsApp does not accept the link
 */
export async function linkBaileys(
  cli: Cli,
  store: AddressedStore,
  session: string,
  request: LinkBaileysOptions,
): Promise<{ phone: string; replaced: boolean }> {
  const { signal } = cli;
  const { options } = request;
  await untilFree(cli, { store, session }, options);
  const before = await peekAuthState({ store, session, signal });
  if (before?.kind === "profile") throw new VaultError("INVALID", `${session} is a session of a browser.`);
  if (before?.registered) {
    const { saved } = await detailsOf(store, session, signal);
    await mayReplace(cli, session, { kind: "records", savedAt: saved }, options);
  }
  const stored = before?.registered ? numberOf(before.me?.id) : undefined;
  const refuses = (phone: string | undefined): VaultError | undefined => otherPhone(session, phone, stored, options);
  const refused = refuses(request.phone);
  if (refused) throw refused;
  const open = (leaseWaitMs: number): Promise<VaultAuthState> =>
    useVaultAuthState({
      store,
      session,
      baileys: request.module,
      leaseWaitMs,
      closeTimeoutMs: 30_000,
      onError: (error) => cli.warn(error instanceof Error ? error.message : String(error)),
      onWarning: (message) => cli.warn(message),
      signal,
    });
  const state = await sayingHowToWait({ session, store: options.store }, () => open(options.wait ?? 0));
  const link = new BaileysLink(cli, state, session, { ...request, refuses });
  let account: string;
  try {
    const now = await peekAuthState({ store, session, signal });
    if (now?.me?.id !== before?.me?.id) throw storedMeanwhile(session);
    account = await link.run(before?.registered === true);
  } catch (error) {
    await state.close();
    if (link.hasOnlyDeleted) await bringBack(cli, store, session, options);
    throw error;
  }
  await state.close();
  say(cli, "Reading back…");
  const again = await open(0);
  try {
    if (again.state.creds.me?.id !== account) {
      throw new VaultError("CORRUPT", `What is stored of ${session} is not what was linked.`);
    }
  } finally {
    await again.close();
  }
  return { phone: phoneWords(account), replaced: before?.registered === true };
}

/** Takes the deletion of the earlier link back, when no other came in its place. Never rejects. */
async function bringBack(cli: Cli, store: AddressedStore, session: string, options: LinkOptions): Promise<void> {
  // The command may have been ended: this is its last call.
  const signal = AbortSignal.timeout(BRING_BACK_MS);
  try {
    const state = await store.state({ session, signal });
    if (!state?.deleted) return;
    await store.undelete({ session, signal });
    cli.note(`The earlier link of ${session} is back.`);
  } catch {
    const call = commandWords(["undelete", session], options);
    cli.warn(`The earlier link of ${session} is deleted. When the store answers, this brings it back: ${call}`);
  }
}

async function detailsOf(store: AddressedStore, session: string, signal: AbortSignal): Promise<{ saved?: Date }> {
  const state = await store.state({ session, signal });
  return state?.current ? { saved: state.current.at } : {};
}

interface SocketRequest extends LinkBaileysOptions {
  /** The error when the session must not be replaced by that of the phone with this number. */
  readonly refuses: (phone: string | undefined) => VaultError | undefined;
}

class BaileysLink {
  readonly #cli: Cli;
  readonly #state: VaultAuthState;
  readonly #session: string;
  readonly #request: SocketRequest;
  readonly #prompt: LinkPrompt;
  #isLinked = false;
  /** The earlier link is being deleted: until then `state` is nobody's. */
  #adopting: Promise<void> | undefined;
  #hasStored = false;
  /** How often the connection was lost since the link. */
  #losses = 0;

  constructor(cli: Cli, state: VaultAuthState, session: string, request: SocketRequest) {
    this.#cli = cli;
    this.#state = state;
    this.#session = session;
    this.#request = request;
    this.#prompt = new LinkPrompt(cli, request);
  }

  /** Whether the earlier link was, or may have been, deleted, and nothing came in its place. */
  get hasOnlyDeleted(): boolean {
    return this.#adopting !== undefined && !this.#hasStored;
  }

  /** @param replaces whether another link is stored @returns the account */
  async run(replaces: boolean): Promise<string> {
    const { state } = this.#state;
    const { timeoutMs } = this.#request;
    if (replaces) {
      // In the memory of this process alone, until the phone has agreed.
      state.creds = this.#newCreds();
      state.keys = { get: async () => ({}), set: async () => {} } as unknown as typeof state.keys;
    }
    const expired = (): VaultError =>
      this.#isLinked
        ? new VaultError("UNAVAILABLE", `${this.#session} is linked, and did not come to rest in time.`)
        : new VaultError("UNAVAILABLE", `No phone has linked within ${durationWords(timeoutMs)}.`, {
            hint: "Nothing was stored. `--timeout 30min` waits longer. An account that wants a passkey needs a browser: leave `--baileys` out.",
          });
    const signal = AbortSignal.any([this.#cli.signal, this.#state.lost]);
    const limit = { limitMs: timeoutMs, signal, expired };
    return await withDeadline(limit, async (limited) => {
      for (;;) {
        await this.#adopting;
        const ended = await this.#connect(replaces, limited);
        if (ended === "restart") continue;
        if (ended === "again") {
          // Those for which a code was asked look like linked ones.
          if (!this.#isLinked) state.creds = this.#newCreds();
          await delay(AGAIN_MS, undefined, { signal: limited });
          continue;
        }
        const { me } = state.creds;
        if (me?.id === undefined) throw new VaultError("CORRUPT", `${this.#session} has no account.`);
        say(this.#cli, `Linked as ${phoneWords(me.id)}. Storing…`);
        await this.#store();
        return me.id;
      }
    });
  }

  #newCreds(): VaultAuthState["state"]["creds"] {
    const make = exported<() => VaultAuthState["state"]["creds"]>(this.#request.module, "initAuthCreds");
    if (make === undefined) throw new VaultError("INVALID", "This Baileys has no `initAuthCreds`.");
    return make();
  }

  /** Runs one socket to its end. */
  async #connect(replaces: boolean, signal: AbortSignal): Promise<Ended> {
    const { module, deviceName, phone } = this.#request;
    const makeSocket = exported<MakeSocket>(module, "makeWASocket") ?? exported<MakeSocket>(module, "default");
    if (typeof makeSocket !== "function") throw new VaultError("INVALID", "This Baileys has no `makeWASocket`.");
    const { state } = this.#state;
    const socket = makeSocket({
      auth: state,
      logger: SILENT,
      markOnlineOnConnect: false,
      ...(deviceName === undefined ? {} : { browser: [deviceName, "Chrome", "1.0.0"] }),
    });
    const show = this.#shower(socket, phone);
    let close = (): void => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    try {
      return await withSignal(
        new Promise<Ended>((resolve, reject) => {
          socket.ev.on("creds.update", () => void this.#saved(replaces).catch(reject));
          socket.ws?.on?.("CB:notification", (node) => {
            if (/passkey/i.test(tagsOf(node))) reject(passkeyWanted());
          });
          let upToDate = (): void => {};
          const isUpToDate = new Promise<void>((done) => {
            upToDate = done;
          });
          socket.ev.on("connection.update", ({ qr, connection, receivedPendingNotifications, lastDisconnect }) => {
            if (qr && !this.#isLinked) void show(qr).catch(reject);
            if (receivedPendingNotifications) upToDate();
            if (connection === "open") {
              const late = delay(UP_TO_DATE_MS, undefined, { ref: false });
              void Promise.race([isUpToDate, late]).then(() => resolve("open"));
            }
            if (connection !== "close") return;
            close();
            const status = lastDisconnect?.error?.output?.statusCode;
            if (status === RESTART) resolve("restart");
            else if (this.#mayConnectAgain(status, lastDisconnect?.error)) resolve("again");
            else reject(endOfSocket(status, lastDisconnect?.error, this.#isLinked));
          });
        }),
        signal,
      );
    } finally {
      this.#prompt.clear();
      await socket.end(undefined);
      await Promise.race([closed, delay(END_MS, undefined, { ref: false })]);
    }
  }

  /** Whether the end of a socket is one after which the next may do better. */
  #mayConnectAgain(status: number | undefined, error: Error | undefined): boolean {
    // Nobody has scanned a code for some minutes: Baileys gives up, and the person has the time that the command gives.
    if (!this.#isLinked) return status === TIMED_OUT && /QR/i.test(error?.message ?? "");
    if (status !== undefined && FINAL.includes(status)) return false;
    this.#losses += 1;
    return this.#losses <= MOST_LOSSES;
  }

  /** Stores the credentials, from the moment at which the phone has agreed. */
  async #saved(replaces: boolean): Promise<void> {
    const { state } = this.#state;
    const { creds } = state;
    if (Reflect.get(Object(creds), "account") === undefined) return;
    if (!this.#isLinked) {
      this.#prompt.clear();
      const refused = this.#request.refuses(numberOf(creds.me?.id));
      if (refused) throw refused;
      this.#isLinked = true;
      say(this.#cli, "The phone has linked. Connecting once more…");
      if (replaces) this.#adopting = this.#adopt(creds);
    }
    await this.#adopting;
    await this.#store();
  }

  async #store(): Promise<void> {
    await this.#state.saveCreds();
    this.#hasStored = true;
  }

  /** Deletes the earlier link: now, and not before, since it is good until there is another one. */
  async #adopt(creds: VaultAuthState["state"]["creds"]): Promise<void> {
    await this.#state.clear();
    this.#state.state.creds = creds;
  }

  /** Shows each QR code; or, at the first one of a socket, the code that it gets for the phone. */
  #shower(socket: Socket, phone: string | undefined): (qr: string) => Promise<void> {
    let isAsked = false;
    return async (qr) => {
      if (phone === undefined) return this.#prompt.qr(qr);
      if (isAsked) return;
      isAsked = true;
      this.#prompt.pairingCode(await socket.requestPairingCode(phone));
    };
  }
}
