import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError } from "../../lib/errors.ts";
import type { ProbeStepName, SessionSummary, StoreProbe } from "../../lib/store.ts";
import { durationWords, sizeWords } from "../terminal/words.ts";
import type { Check } from "./check.ts";

/** The rights that steps need, as S3 calls them, and as people do. */
const STEPS: Readonly<Record<ProbeStepName, { readonly name: string; readonly s3: string }>> = {
  list: { name: "list the sessions", s3: "s3:ListBucket" },
  read: { name: "read", s3: "s3:GetObject" },
  delete: { name: "delete", s3: "s3:DeleteObject" },
  write: { name: "write", s3: "s3:PutObject" },
  readBack: { name: "read what was written", s3: "s3:GetObject" },
  findInListing: { name: "list what was written", s3: "s3:ListBucket" },
  remove: { name: "delete what was written", s3: "s3:DeleteObject" },
  exclusiveCreate: { name: "create one key in a race", s3: "s3:PutObject" },
  largest: { name: "write a large value", s3: "s3:PutObject" },
};
/** Clocks may differ so much, in milliseconds. Requests to S3 are refused at 15 minutes. */
const CLOCK_MS = { warning: 60_000, bad: 600_000 };
/** So many sessions are looked at. */
const MOST_SESSIONS = 100;

/** What was found by trying the store. */
export async function storeChecks(store: AddressedStore, signal: AbortSignal): Promise<Check[]> {
  const probe = await store.probe({ signal });
  const isS3 = store.address.startsWith("s3:");
  const steps = probe.steps.map(({ name, ms, error }): Check => {
    const { name: doing, s3 } = STEPS[name];
    if (!error) return { level: "good", name: doing, found: `${ms} ms` };
    const right = error.code === "DENIED" ? ` The right${isS3 ? ` \`${s3}\`` : ""} to ${doing} is missing.` : "";
    const todo = error.hint ?? (error.code === "UNAVAILABLE" ? UNREACHED : undefined);
    return { level: "bad", name: doing, found: `${error.code}: ${error.message}${right}`, todo, code: error.code };
  });
  const isListed = probe.steps[0]?.error === undefined;
  return [...steps, ...traitChecks(probe), ...(isListed ? await sessionChecks(store, signal) : [])];
}

const UNREACHED = "Is the address right, does the server run, and may this host reach it (firewall, VPN, DNS)?";

function traitChecks(probe: StoreProbe): Check[] {
  const { exclusiveCreate, exclusiveCreateHint, maxBlobBytes, largestBytes, clockAheadMs, leftBehind } = probe;
  const checks: Check[] = [];
  if (exclusiveCreate === false) {
    checks.push({
      level: "warning",
      name: "leases",
      found:
        "the store cannot create a key exclusively: two processes that run one session may overwrite each other's saves, and neither notices",
      todo: exclusiveCreateHint ?? "Use a store that can: docs/stores.md names them.",
    });
  } else if (exclusiveCreate && !probe.steps.some(({ name, error }) => name === "exclusiveCreate" && error)) {
    checks.push({ level: "good", name: "leases", found: "of a few that create one key, one succeeds" });
  }
  if (maxBlobBytes !== undefined && largestBytes !== undefined) {
    const found = `${sizeWords(largestBytes)} written and read; the store takes ${sizeWords(maxBlobBytes)}`;
    checks.push({ level: "good", name: "largest value", found });
  }
  if (clockAheadMs !== undefined) checks.push(clockCheck(clockAheadMs));
  if (leftBehind !== undefined) {
    checks.push({
      level: "warning",
      name: "left behind",
      found: `${leftBehind}, which could not be deleted`,
      todo: "It is a few bytes, the same key each time, and harmless.",
    });
  }
  return checks;
}

function clockCheck(aheadMs: number): Check {
  const apart = Math.abs(aheadMs);
  if (apart === 0) return { level: "good", name: "clocks", found: "that of the store and of this host agree" };
  const found = `that of the store is ${durationWords(apart)} ${aheadMs > 0 ? "ahead of" : "behind"} that of this host`;
  if (apart < CLOCK_MS.warning) return { level: "good", name: "clocks", found };
  const todo = "Set the clock that is wrong, e.g. by NTP. Leases do not go by clocks; times that people read do.";
  return { level: apart < CLOCK_MS.bad ? "warning" : "bad", name: "clocks", found, todo };
}

/** What the sessions tell: whether the key opens them, whether processes renew their leases. */
async function sessionChecks(store: AddressedStore, signal: AbortSignal): Promise<Check[]> {
  const sessions: SessionSummary[] = [];
  let isCut = false;
  try {
    for await (const one of store.sessions({ details: true, signal })) {
      if (sessions.length === MOST_SESSIONS) {
        isCut = true;
        break;
      }
      sessions.push(one);
    }
  } catch (error) {
    if (!isVaultError(error)) throw error;
    // The steps before have told why.
    return [];
  }
  const many = isCut ? `the first ${MOST_SESSIONS} sessions` : `${sessions.length} sessions`;
  return [keyCheck(sessions, many), ...damageChecks(sessions), leaseCheck(sessions, many)];
}

function keyCheck(sessions: readonly SessionSummary[], many: string): Check {
  const name = "encryption";
  const locked = sessions.filter(({ problem }) => problem?.code === "WRONG_KEY");
  if (locked.length > 0) {
    const [first] = locked;
    const found = `no key that is set opens ${locked.length} of ${many}: ${namesOf(locked)}`;
    return { level: "bad", name, found, todo: first?.problem?.hint, code: "WRONG_KEY" };
  }
  const plain = sessions.filter(({ saved }) => saved && saved.keyId === undefined);
  const closed = sessions.filter(({ saved }) => saved?.keyId !== undefined);
  if (closed.length > 0 && plain.length === 0) {
    return { level: "good", name, found: `the key opens ${many}` };
  }
  if (closed.length > 0) {
    const found = `${plain.length} of ${many} are not encrypted: ${namesOf(plain)}`;
    return { level: "warning", name, found, todo: "`rekey` of the store encrypts them (docs/security.md)." };
  }
  const found = plain.length > 0 ? `${many}, and none is encrypted` : "no session that would show it is stored";
  const todo = plain.length > 0 ? PLAIN : undefined;
  return { level: plain.length > 0 ? "warning" : "good", name, found, todo };
}

const PLAIN =
  "Whoever can read the store can run the bot. Set a key in your bot and in WA_VAULT_KEY (docs/security.md).";

function damageChecks(sessions: readonly SessionSummary[]): Check[] {
  const others = sessions.filter(({ problem }) => problem && problem.code !== "WRONG_KEY");
  return others.map(({ session, problem }) => ({
    level: "bad",
    name: session,
    found: `${problem?.code}: ${problem?.message}`,
    todo: problem?.hint,
    code: problem?.code,
  }));
}

function leaseCheck(sessions: readonly SessionSummary[], many: string): Check {
  const now = Date.now();
  const held = sessions.filter(({ lease }) => lease);
  const silent = held.filter(({ lease }) => lease && lease.expiresAt.getTime() < now);
  const name = "processes";
  if (silent.length === 0) return { level: "good", name, found: `${held.length} of ${many} are held, all renewed` };
  return {
    level: "warning",
    name,
    found: `${silent.length} of ${held.length} that are held were not renewed in time: ${namesOf(silent)}`,
    todo: "Their processes were killed, hang, or do not reach the store. Another start takes them by itself.",
  };
}

function namesOf(sessions: readonly SessionSummary[]): string {
  const names = sessions.slice(0, 5).map(({ session }) => session);
  const more = sessions.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
