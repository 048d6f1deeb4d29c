import { invalidOption, VaultError } from "../../errors.ts";
import type { Vault } from "../../vault/vault.ts";
import { resolveDirectory } from "../multi-file/staged-directory.ts";
import { checkStore } from "../options.ts";
import { sessionNameOf } from "../session-name.ts";
import type { AnyAuthState, AuthenticationCreds } from "../types.ts";
import { MultiFileSource, MultiFileTarget } from "./multi-file-sides.ts";
import { readableState } from "./readable-state.ts";
import type { AuthSource, AuthTarget, MigrationRun } from "./sides.ts";
import { StateSource } from "./state-source.ts";
import { StateTarget } from "./state-target.ts";
import { VaultSource, VaultTarget } from "./vault-sides.ts";

/** A session in a store of this package. */
export interface StorePlace {
  /** The store. */
  store: Vault;
  /** As in `useVaultAuthState`. */
  session: string | number | bigint;
}

/** A directory of Baileys' `useMultiFileAuthState`. */
export interface MultiFilePlace {
  /** Its path. */
  multiFile: string;
}

/** The state of a bot: what any `use…AuthState` returns. */
export interface StatePlace {
  /** The state itself. */
  state: AnyAuthState;
  /** Needed in a target. */
  saveCreds?: (() => unknown) | undefined;
}

/** A session of wapi. */
export interface WapiPlace {
  /** The answer of `wapiSource` of `wa-vault/wapi`. */
  wapi: WapiSource;
}

/** What is read of a session of wapi, whose records have names that do not tell their ids. `wa-vault/wapi` makes it. */
export interface WapiSource {
  /** For messages. @default "the source" */
  readonly label?: string | undefined;
  /** @returns `undefined` when there are none */
  creds(): Promise<AuthenticationCreds | undefined>;
  /** The values of these ids; those that are absent are left out. */
  get(type: string, ids: string[]): Promise<ReadonlyMap<string, unknown>>;
  /** Ids that are worth a look, beside those that the credentials and other values tell of. */
  knownIds?(type: string): Iterable<string> | Promise<Iterable<string>>;
}

/** Where a state can be. A state of Baileys' own form, `{ creds, keys }`, is taken as a source as well. */
export type AuthPlace = StorePlace | MultiFilePlace | StatePlace | WapiPlace | AnyAuthState;

/** A place whose options are right. */
type CheckedPlace =
  | { readonly kind: "store"; readonly store: Vault; readonly session: string }
  | { readonly kind: "multiFile"; readonly directory: string }
  | { readonly kind: "state"; readonly state: AnyAuthState; readonly saveCreds: (() => unknown) | undefined }
  | { readonly kind: "wapi"; readonly wapi: WapiSource };

/** The source and the target of a migration. */
export interface CheckedPlaces {
  openSource(run: MigrationRun): AuthSource;
  openTarget(run: MigrationRun): AuthTarget;
}

/** @throws `INVALID` when a place is none, or both are the same; `DENIED` or `UNAVAILABLE` when the disk fails */
export async function checkPlaces(from: AuthPlace, to: AuthPlace): Promise<CheckedPlaces> {
  const source = await checkPlace("from", from);
  const target = await checkPlace("to", to);
  if (isSamePlace(source, target)) throw new VaultError("INVALID", "Expected `from` and `to` to be two places.");
  if (target.kind === "wapi") {
    throw new VaultError("INVALID", "Expected `to` to be no source of wapi: it can only be read.", {
      hint: "Give what its `init()` has returned as `state`, and its `save` as `saveCreds`.",
    });
  }
  if (target.kind === "state" && typeof target.saveCreds !== "function") {
    throw invalidOption("to.saveCreds", "a function", target.saveCreds);
  }
  return { openSource: (run) => openSource(source, run), openTarget: (run) => openTarget(target, run) };
}

function openSource(place: CheckedPlace, run: MigrationRun): AuthSource {
  switch (place.kind) {
    case "store":
      return new VaultSource(place, run);
    case "multiFile":
      return new MultiFileSource(place.directory, run);
    case "state":
      return new StateSource(readableState(place.state), run);
    case "wapi":
      return new StateSource(readableWapi(place.wapi), run);
  }
}

function readableWapi(wapi: WapiSource): ConstructorParameters<typeof StateSource>[0] {
  return {
    label: wapi.label ?? "the source",
    creds: () => wapi.creds(),
    get: (type, ids) => wapi.get(type, [...ids]),
    all: () => undefined,
    knownIds: async (type) => (await wapi.knownIds?.(type)) ?? [],
  };
}

function openTarget(place: CheckedPlace, run: MigrationRun): AuthTarget {
  if (place.kind === "store") return new VaultTarget(place, run);
  if (place.kind === "multiFile") return new MultiFileTarget(place.directory, run);
  if (place.kind === "state" && place.saveCreds) {
    return new StateTarget({ state: place.state, saveCreds: place.saveCreds }, run);
  }
  throw new VaultError("INVALID", "Expected `to` to be a place that can be written.");
}

/** @param name of the option */
async function checkPlace(name: "from" | "to", place: AuthPlace): Promise<CheckedPlace> {
  const given = Object(place) as Partial<StorePlace & MultiFilePlace & StatePlace & WapiPlace & AnyAuthState>;
  if (given.store !== undefined) {
    checkStore(given.store);
    return { kind: "store", store: given.store, session: sessionNameOf(given.session) };
  }
  if (given.multiFile !== undefined) return { kind: "multiFile", directory: await resolveDirectory(given.multiFile) };
  if (isSource(given.wapi)) return { kind: "wapi", wapi: given.wapi };
  const state = given.state ?? place;
  if (isAuthState(state)) return { kind: "state", state, saveCreds: given.saveCreds };
  const forms = "`{ store, session }`, `{ multiFile }`, `{ state, saveCreds }` or `{ wapi }`";
  throw invalidOption(name, forms, place);
}

function isSamePlace(one: CheckedPlace, other: CheckedPlace): boolean {
  if (one.kind === "store" && other.kind === "store") return one.store === other.store && one.session === other.session;
  if (one.kind === "multiFile" && other.kind === "multiFile") return one.directory === other.directory;
  return one.kind === "state" && other.kind === "state" && one.state.creds === other.state.creds;
}

function isSource(wapi: unknown): wapi is WapiSource {
  const { creds, get } = Object(wapi) as Partial<WapiSource>;
  return typeof creds === "function" && typeof get === "function";
}

function isAuthState(value: unknown): value is AnyAuthState {
  const { creds, keys } = Object(value) as Partial<AnyAuthState>;
  const isObject = typeof creds === "object" && creds !== null;
  return isObject && typeof keys?.get === "function" && typeof keys.set === "function";
}
