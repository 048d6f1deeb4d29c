import { cpSync, existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { VaultError } from "../../lib/errors.ts";
import { endRenewals } from "../support/leases.ts";
import { isLong } from "../support/length.ts";
import { type BlobCall, watchBlobs } from "./support/blob-calls.ts";
import { CHANGES, type Change, key, SESSIONS, type Stores } from "./support/changes.ts";
import { runCli } from "./support/run-cli.ts";
import { type Place, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
let unwatch = (): void => {};

afterEach(() => unwatch());

/**
 * Chooses moments of one run: in the long run each call; else the first two of each kind of change, before it (a signal) or
 * after it (an outage), and a few of the other calls.
 */
function chooser(stop: unknown): (call: BlobCall) => boolean {
  const changes = new Map<string, number>();
  let others = 0;
  return ({ method, key, when, isChange }) => {
    if (isLong) return true;
    if (!isChange) return ++others % 29 === 0;
    if ((when === "before") !== (stop === abort)) return false;
    const kind = `${method} ${key.split("/").slice(0, 2).join("/")}`;
    const count = (changes.get(kind) ?? 0) + 1;
    changes.set(kind, count);
    return count <= 2;
  };
}

/** Runs a command on a copy of what is prepared; `stop` is called at a moment of its calls. */
async function stopped(
  { args, env }: Change,
  prepared: Place,
  at: number,
  stop: (call: BlobCall) => void,
): Promise<{ code: number; stores: Stores; wasStopped: boolean; again(): Promise<{ code: number; stderr: string }> }> {
  const [main, to] = [places.other(), places.other()];
  if (existsSync(prepared.directory)) cpSync(prepared.directory, main.directory, { recursive: true });
  const ended = new AbortController();
  const given = [...args, "--yes", "--store", main.address];
  const options = { env: { ...env, WA_VAULT_TO_STORE: to.address } };
  let [moments, wasStopped] = [0, false];
  const isMoment = chooser(stop);
  unwatch = watchBlobs((call) => {
    if (!wasStopped && (!isMoment(call) || moments++ < at)) return;
    wasStopped = true;
    if (stop === abort) ended.abort();
    else stop(call);
  });
  const { code } = await runCli(given, { ...options, signal: ended.signal });
  unwatch();
  const open = ({ directory }: Place): FileStore =>
    new FileStore({ directory, ...(env ? { encryption: { key } } : {}) });
  // A command whose store has gone could not release what it had taken. Its process has ended then, which is seen.
  const isGone = stop === die;
  const again = async (): Promise<{ code: number; stderr: string }> => {
    endRenewals();
    if (isGone) await Promise.all([open(main), open(to)].map(breakLeases));
    return await runCli(given, options);
  };
  return { code, stores: { main: open(main), to: open(to) }, wasStopped, again };
}

async function breakLeases(store: FileStore): Promise<void> {
  // A listing does not have a name that was taken a moment ago for the first time.
  for (const session of SESSIONS) await store.breakLease({ session });
}

function abort(): void {}

function die(): never {
  throw new VaultError("UNAVAILABLE", "The store has gone.", { retryable: false });
}

async function everyMoment(change: Change, stop: (call: BlobCall) => void, allowed: readonly number[]): Promise<void> {
  const prepared = places.main;
  await change.prepare(prepared.store());
  const seen = new Set<number>();
  for (let at = 0; ; at++) {
    const { code, stores, wasStopped, again } = await stopped(change, prepared, at, stop);
    seen.add(code);
    const where = `moment ${at}`;
    expect([0, ...allowed], where).toContain(code);
    // What is said is true: a command that was done is seen.
    const isDone = await change.isDone(stores);
    if (code === 0) expect(isDone, where).toBe(true);
    if (!wasStopped) break;
    const { code: later, stderr } = await again();
    expect({ where, later, stderr: later === 0 ? "" : stderr }).toEqual({ where, later: 0, stderr: "" });
    expect(await change.isDone(stores), where).toBe(true);
  }
  expect([...seen]).toEqual(expect.arrayContaining([0, ...allowed]));
}

describe.each(CHANGES)("wa-vault $name", (change) => {
  it("that is ended at any moment leaves what is stored old or new, and ends the work when it is run again", async () => {
    await everyMoment(change, abort, [130]);
  });

  it("whose store goes away at any moment does as well", async () => {
    await everyMoment(change, die, [4]);
  });
});
