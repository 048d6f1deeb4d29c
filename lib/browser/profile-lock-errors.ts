import { hostname } from "node:os";
import { dirname } from "node:path";
import { diskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { Claim } from "./claim-file.ts";
import { living } from "./claim-judge.ts";

export function held(dir: string, claim: Claim | undefined): VaultError {
  const holder = nameOf(claim);
  return new VaultError("LEASE_HELD", `The profile ${dir} is in use by ${holder}.`, {
    owner: claim && `${claim.host}-${claim.pid}`,
    hint: `Run one client per session: end ${holder}, or give this client another \`clientId\` or \`dataPath\`.`,
  });
}

export function takenOver(dir: string, by: Claim | undefined): VaultError {
  const message = `The profile ${dir} was taken by ${nameOf(by)}, which took this process for dead.`;
  return new VaultError("LEASE_LOST", message, {
    owner: by && `${by.host}-${by.pid}`,
    hint: "The browser of this process was ended without a save. Did the process, or its disk, stand still for a while?",
  });
}

function nameOf(claim: Claim | undefined): string {
  if (claim === undefined) return "another process";
  const isOwn = claim.host === hostname() && claim.pid === process.pid && living.has(claim.id);
  return isOwn ? "another client of this process" : `process ${claim.pid} of ${claim.host}`;
}

/** The lock lies beside the profile: the rights of the folder above decide, also when a volume is mounted at the profile. */
export function lockError(dir: string, cause: unknown): VaultError {
  const error = diskError(`lock the profile ${dir}`, cause);
  if (error === cause || error.code !== "DENIED") return error;
  const hint =
    `The lock is a file beside the profile: let this user write into ${dirname(dir)}. If a volume is mounted at the ` +
    "profile, mount it at `dataPath` instead.";
  return new VaultError("DENIED", error.message, { cause, hint });
}

export function noClaimThere(path: string): VaultError {
  return new VaultError(
    "UNAVAILABLE",
    `${path} can be neither made nor read: a link that leads nowhere may have its name.`,
    {
      hint: "Remove that link: the lock of a profile is a file beside it.",
    },
  );
}

export function troubleWith(path: string, code: string): string {
  return (
    `${path} cannot be touched (${code}): until it can, a process on another machine that shares this folder may take ` +
    "this one for dead."
  );
}
