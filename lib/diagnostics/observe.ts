import { AsyncLocalStorage } from "node:async_hooks";
import { VaultError } from "../errors.ts";
import { isWatched, operations, tell } from "./channels.ts";
import type { CallEvent, ErrorEvent, Operation, OperationContext, SessionEvent } from "./events.ts";

/** Where something happens. */
export interface Place extends SessionEvent {
  /** Of the call: its reason is no failure of the store. */
  readonly signal?: AbortSignal | undefined;
}

/** One call that is observed. */
interface Scope {
  retries: number;
  /** Operations and errors that calls within this one have told. */
  readonly told: Set<unknown>;
  /** Work in the background that the call has begun may outlive it. */
  hasEnded: boolean;
}

const scopes = new AsyncLocalStorage<Scope>();
/** Errors that were told. */
const toldErrors = new WeakSet<object>();
/** How many causes of an error are looked at. */
const DEPTH = 8;

/**
 * Does `work`, and tells how it has ended: by `told` of its result, or by an error event. Tells nothing that a call of the
 * same operation within it has told: the layers above a vault observe the stores that are none.
 */
export async function observe<T>(
  operation: Operation,
  { session, store, signal }: Place,
  work: () => Promise<T>,
  told: (result: T, call: CallEvent) => void = () => {},
): Promise<T> {
  if (!isWatched()) return await work();
  const began = performance.now();
  const outer = current();
  const scope: Scope = { retries: 0, told: new Set(), hasEnded: false };
  const call = (): CallEvent => ({ session, store, ms: performance.now() - began, retries: scope.retries });
  try {
    const context = { operation, session, store };
    const result = await scopes.run(scope, operations.hasSubscribers ? () => traced(context, work) : work);
    if (!scope.told.has(operation)) told(result, call());
    outer?.told.add(operation);
    return result;
  } catch (error) {
    // A call that waits no longer for one within it has told for both.
    const isTold = chainOf(error).some((one) => scope.told.has(one) || outer?.told.has(one));
    if (!isTold) tellError(operation, { ...call(), signal }, error);
    scope.told.add(error);
    outer?.told.add(error);
    throw error;
  } finally {
    scope.hasEnded = true;
    if (outer) outer.retries += scope.retries;
  }
}

/**
 * Does `work` in a trace. Its result stays here: it may be credentials or a lease, and subscribers send what they are told
 * elsewhere, or change it.
 */
async function traced<T>(context: OperationContext, work: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  const keep = async (): Promise<void> => {
    result = await work();
  };
  await operations.tracePromise(keep, context);
  return result as T;
}

/** To be called when a request is made again: the call that it belongs to tells how many there were. */
export function countRetry(): void {
  const scope = current();
  if (scope) scope.retries++;
}

/** How many requests of the call under way were made again. */
export function retriesSoFar(): number {
  return current()?.retries ?? 0;
}

function current(): Scope | undefined {
  const scope = scopes.getStore();
  return scope?.hasEnded ? undefined : scope;
}

/** Tells of an error. */
export function tellError(
  operation: Operation,
  { signal, ...place }: Place & Pick<ErrorEvent, "ms" | "retries" | "epoch">,
  error: unknown,
): void {
  tell("error", () => {
    markTold(error);
    const { retryable = false, owner } = error instanceof VaultError ? error : {};
    return { ...place, operation, code: codeOf(error, signal), retryable, ...(owner === undefined ? {} : { owner }) };
  });
}

/** Tells of an error, unless it, or one that has caused it, was told before. */
export function tellUntold(operation: Operation, place: Place, error: unknown): void {
  if (!chainOf(error).some((one) => isObject(one) && toldErrors.has(one))) tellError(operation, place, error);
}

/** To be called for an error that an event of another kind has told. */
export function markTold(error: unknown): void {
  if (isObject(error)) toldErrors.add(error);
}

/** The code of an error in events. @param signal of the call that has failed */
export function codeOf(error: unknown, signal?: AbortSignal | undefined): string {
  if (error instanceof VaultError) return error.code;
  const isEnded = signal?.aborted && signal.reason === error;
  const { name } = error instanceof Error ? error : { name: "" };
  return isEnded || name === "AbortError" || name === "TimeoutError" ? "CANCELLED" : "UNKNOWN";
}

/** The kind of a store, or of blobs: what it says itself, else the name of its class. */
export function kindOf(store: object): string {
  if ("kind" in store && typeof store.kind === "string") return store.kind;
  const { name } = (store.constructor ?? {}) as { name?: unknown };
  return typeof name === "string" && name !== "" && name !== "Object" ? name : "other";
}

/** The error, its cause, the cause of that one, and so on. */
function chainOf(error: unknown): unknown[] {
  const chain = [error];
  for (let one = error; isObject(one) && "cause" in one && chain.length < DEPTH; chain.push(one)) one = one.cause;
  return chain;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
