import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type Deferred, deferred } from "../async/deferred.ts";
import type { ClientLike } from "../browser/client.ts";
import { hasLoggedOut } from "../browser/logged-out.ts";
import { VaultError } from "../errors.ts";

/** A call of `client.initialize()` that has failed. */
export interface StartFailure {
  /** The processes that the call has started: puppeteer tells nobody of a browser whose start fails later. */
  readonly children: readonly ChildProcess[];
}

/** One call of `client.initialize()`. */
interface Start {
  /** That it is, when it is one. */
  readonly restart: Restart | undefined;
  isUnderWay: boolean;
  /** The processes that it has started. */
  readonly children: ChildProcess[];
  /** Whether its one call of `inject()` has ended: from then on whatsapp-web.js listens to the page. */
  isPrepared: boolean;
}

/** One call of whatsapp-web.js's `inject()`, which starts the client again when a session was refused. */
interface Injection {
  /** The error of that start. */
  failure?: { readonly error: unknown };
}

/** A start that whatsapp-web.js makes by itself, after it has destroyed the client. */
interface Restart {
  readonly injection: Injection | undefined;
  /** Whether the client was destroyed: the next call of `client.initialize()` begins the start. */
  isDestroyed: boolean;
  /** Resolves when the start begins, or does not come. */
  readonly begins: Deferred;
  /** The start, once it has begun. */
  result?: Promise<void>;
}

/** What the current code belongs to. */
interface Context {
  readonly of: object;
  readonly start: Start | undefined;
  readonly injection: Injection | undefined;
}

/** One for all clients: each more would make every promise of the process dearer on Node.js 20. */
const contexts = new AsyncLocalStorage<Context>();
/** The channel on which Node.js tells of every new process. */
const CHILD_PROCESS = "child_process";
/** How often one page is prepared anew that logs itself out. */
const LOGOUTS = 3;

export interface StartListeners<T> {
  /** A call of `client.initialize()` that has begun `what` has failed; called before it rejects. Must not reject. */
  readonly onFailed: (what: T, failure: StartFailure, error: unknown) => Promise<void>;
  /** whatsapp-web.js has started the client again, nobody awaits that start, and it has failed. Must not throw. */
  readonly onRestartFailed?: (error: unknown) => void;
  /** `client.destroy()` was called, and closes the browser once what this returns has ended. Must not reject. */
  readonly beforeDestroy?: () => Promise<void> | undefined;
}

/**
 * Watches the calls of `client.initialize()`: whatsapp-web.js calls no hook of the strategy when the browser cannot be
 * launched or the page does not load in time. `T` is what a start begins: a run, a launch.
 */
export class WatchedStarts<T extends object> {
  readonly #client: ClientLike;
  readonly #onFailed: StartListeners<T>["onFailed"];
  readonly #beforeDestroy: StartListeners<T>["beforeDestroy"];
  readonly #begun = new WeakMap<Start, T>();
  /** The calls of `client.initialize()` that have begun something and not ended. */
  readonly #underWay = new Set<Start>();
  /** Name of the strategy that belongs to another client now. */
  #retired: string | undefined;
  /** How many calls of `client.destroy()` have not ended. */
  #destroys = 0;
  #restart: Restart | undefined;

  /**
   * Replaces `client.initialize` and `client.destroy` by methods that do the same, and, with `onRestartFailed`, `client.inject` by one that
   * does not reject when a restart has failed that nobody awaits, and goes on in a page that has logged itself out.
   */
  constructor(client: ClientLike, listeners: StartListeners<T>) {
    this.#client = client;
    this.#onFailed = listeners.onFailed;
    this.#beforeDestroy = listeners.beforeDestroy;
    const { initialize, inject, destroy } = client;
    if (typeof destroy === "function") client.destroy = () => this.#destroy(() => destroy.call(client));
    if (typeof initialize === "function") {
      client.initialize = async (...values: []): Promise<void> =>
        await this.#start(() => initialize.apply(client, values));
    }
    const { onRestartFailed } = listeners;
    if (typeof inject === "function" && onRestartFailed !== undefined) {
      client.inject = async (...values: []): Promise<void> =>
        await this.#inject(() => inject.apply(client, values), onRestartFailed);
    }
  }

  /** Whether it watches the starts of this client. */
  watches(client: ClientLike): boolean {
    return this.#client === client;
  }

  /** The call of `client.initialize()` that the current code belongs to has begun `what`. */
  begins(what: T): void {
    const start = this.#context?.start;
    if (start === undefined) return;
    this.#begun.set(start, what);
    if (start.isUnderWay) this.#underWay.add(start);
  }

  /** Whether a call of `client.destroy()` is under way. */
  get isDestroying(): boolean {
    return this.#destroys > 0;
  }

  /** Whether the current code belongs to a call of `client.initialize()` that has prepared no page yet. */
  get isStarting(): boolean {
    const start = this.#context?.start;
    return start?.isUnderWay === true && !start.isPrepared;
  }

  /** Whether a call of `client.initialize()` that has begun `what` is under way. */
  isBeingStarted(what: T): boolean {
    return [...this.#underWay].some((start) => this.#begun.get(start) === what);
  }

  /**
   * The current call of `client.initialize()` has begun `what` already: a subclass has caught the error of that attempt, and
   * tries again.
   */
  triedBefore(what: T): StartFailure | undefined {
    const start = this.#context?.start;
    return start?.isUnderWay === true && this.#begun.get(start) === what ? { children: start.children } : undefined;
  }

  /**
   * whatsapp-web.js is about to destroy the client and to start it again by itself. Of that call of `client.initialize()`
   * and those beside it, such as in a handler of `auth_failure`, one starts the client once it is destroyed, and the others
   * wait for that start: two starts would end one another.
   */
  restarts(): void {
    this.#restart = { injection: this.#context?.injection, isDestroyed: false, begins: deferred() };
  }

  /** The client was destroyed. A restart that has begun is over then: the next call begins a start of its own. */
  destroyed(): void {
    if (this.#restart?.result === undefined) {
      if (this.#restart !== undefined) this.#restart.isDestroyed = true;
    } else this.restarted();
  }

  /** The page of a restart is ready, or has ended: the next call begins a start of its own. */
  restarted(): void {
    this.#restart?.begins.resolve();
    this.#restart = undefined;
  }

  /** The strategy belongs to another client from now on: this one can start no browser with it any more. */
  retire(strategy: string): void {
    this.#retired = strategy;
  }

  async #start(initialize: () => Promise<void>): Promise<void> {
    if (this.#retired !== undefined) {
      const message = `The ${this.#retired} of this client belongs to another client now.`;
      throw new VaultError("INVALID", message, { hint: `Make a new ${this.#retired} for each client.` });
    }
    try {
      return await this.#join(initialize);
    } catch (error) {
      const injection = this.#context?.injection;
      if (injection !== undefined) injection.failure = { error };
      throw error;
    }
  }

  /** Called in `initialize()`, and in a listener of each later navigation, where a rejection would end the process. */
  async #inject(inject: () => Promise<void>, onRestartFailed: (error: unknown) => void): Promise<void> {
    const start = this.#context?.start;
    const isAwaited = start?.isUnderWay === true && !start.isPrepared;
    const injection: Injection = {};
    try {
      return await contexts.run({ of: this, start, injection }, () =>
        isAwaited ? this.#prepare(inject, injection) : inject(),
      );
    } catch (error) {
      if (isAwaited || injection.failure?.error !== error) throw error;
      onRestartFailed(error);
    } finally {
      if (start !== undefined) start.isPrepared = true;
      // Nothing was destroyed, for instance because a handler of `auth_failure` has thrown.
      if (this.#restart?.injection === injection && !this.#restart.result) this.restarted();
    }
  }

  /**
   * Prepares a page to which whatsapp-web.js does not listen yet. When it logs itself out meanwhile, it is prepared anew,
   * as whatsapp-web.js does with every page that navigates later.
   */
  async #prepare(inject: () => Promise<void>, injection: Injection): Promise<void> {
    const { pupPage } = this.#client;
    for (let logouts = 0; ; logouts++) {
      try {
        return await inject();
      } catch (error) {
        // A session that was refused has been destroyed, or a handler of `auth_failure` has thrown.
        const isOfPage = this.#restart?.injection !== injection && injection.failure?.error !== error;
        if (!isOfPage || logouts === LOGOUTS || !(await hasLoggedOut(this.#client, error))) throw error;
        if (this.#client.pupPage !== pupPage) throw error;
        // Else the next navigation would count as a logout, of a session that may be linked by then.
        this.#client.lastLoggedOut = false;
      }
    }
  }

  async #join(initialize: () => Promise<void>): Promise<void> {
    const restart = this.#restart;
    // A start that calls itself again once it has failed must not wait for itself.
    const isOfRestart = restart === undefined || this.#context?.start?.restart === restart;
    if (isOfRestart) return await this.#watch(initialize, restart);
    if (!restart.isDestroyed) await restart.begins.promise;
    if (restart.result === undefined && !restart.isDestroyed) return await this.#watch(initialize);
    restart.result ??= this.#watch(initialize, restart).finally(() => {
      if (this.#restart === restart) this.restarted();
    });
    restart.begins.resolve();
    return await restart.result;
  }

  async #destroy(destroy: () => Promise<void>): Promise<void> {
    this.#destroys += 1;
    try {
      // A handler of `ready` calls it before whatsapp-web.js tells the strategy of READY, which it does in the same turn.
      await undefined;
      await this.#beforeDestroy?.();
      return await destroy();
    } finally {
      this.#destroys -= 1;
    }
  }

  async #watch(initialize: () => Promise<void>, restart?: Restart): Promise<void> {
    const children: ChildProcess[] = [];
    const start: Start = { restart, children, isUnderWay: true, isPrepared: false };
    const note = (message: unknown): void => {
      if (this.#context?.start === start) children.push((message as { process: ChildProcess }).process);
    };
    subscribe(CHILD_PROCESS, note);
    try {
      return await contexts.run({ of: this, start, injection: undefined }, initialize);
    } catch (error) {
      const what = this.#begun.get(start);
      if (what !== undefined) await this.#onFailed(what, { children }, error);
      throw error;
    } finally {
      start.isUnderWay = false;
      this.#underWay.delete(start);
      unsubscribe(CHILD_PROCESS, note);
    }
  }

  get #context(): Context | undefined {
    const context = contexts.getStore();
    return context?.of === this ? context : undefined;
  }
}
