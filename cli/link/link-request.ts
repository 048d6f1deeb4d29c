import { invalidOption, VaultError } from "../../lib/errors.ts";
import type { WaitOptions } from "../change/lease.ts";
import type { ReplaceOptions } from "../change/replace.ts";

/** What the command is given. */
export interface LinkOptions extends ReplaceOptions, WaitOptions {
  readonly session?: string;
  readonly baileys?: boolean;
  readonly headless?: boolean;
  readonly pairingCode?: string;
  readonly browser?: string;
  readonly deviceName?: string;
  readonly otherPhone?: boolean;
  /** In milliseconds. */
  readonly timeout: number;
  readonly proof: boolean;
  readonly invert?: boolean;
}

/** What is to be linked, checked. */
export interface LinkRequest {
  readonly headless: boolean;
  /** Digits only; `undefined`: by a QR code. */
  readonly phone: string | undefined;
  readonly browser: string | undefined;
  readonly deviceName: string | undefined;
  /** How long the person has, in milliseconds; and how long a store that is away is waited for. */
  readonly timeoutMs: number;
  /** Whether a browser is started once more from what is stored. */
  readonly proves: boolean;
  readonly inverts: boolean;
}

/** @throws `INVALID` naming the first option that is wrong */
export function linkRequest(options: LinkOptions): LinkRequest {
  const { pairingCode, headless = false, browser, deviceName, timeout, proof, invert = false } = options;
  const phone = pairingCode === undefined ? undefined : phoneOf(pairingCode);
  if (deviceName !== undefined && (deviceName.trim() === "" || deviceName.length > 50)) {
    throw invalidOption("--device-name", "a name of at most 50 characters", deviceName);
  }
  return {
    headless: headless || phone !== undefined,
    phone,
    browser,
    deviceName,
    timeoutMs: timeout,
    proves: proof,
    inverts: invert,
  };
}

/** The name that the person has chosen, given as the argument or as `--session`. @throws `INVALID` when it is none */
export function nameOf(argument: string | undefined, { session }: LinkOptions): string {
  if (argument !== undefined && session !== undefined && argument !== session) {
    throw new VaultError("INVALID", `Two sessions are named: ${argument} and ${session}.`);
  }
  const name = argument ?? session;
  if (name === undefined || name === "") {
    throw new VaultError("INVALID", "No session is named.", {
      hint: 'Name it as the bot\'s code does: `wa-vault link support` for `clientId: "support"`.',
    });
  }
  if (/^(?!_)[-\w]{1,110}$/.test(name)) return name;
  throw new VaultError(
    "INVALID",
    "The name of a session has at most 110 letters, digits, `-` and `_`, and does not begin with `_`.",
  );
}

function phoneOf(given: string): string {
  const digits = given.trim().replace(/^\+|[\s().-]/g, "");
  if (/^[1-9]\d{6,14}$/.test(digits)) return digits;
  throw new VaultError(
    "INVALID",
    "Expected `--pairing-code` to be a phone number with its country code, as +4915112345678.",
    {
      hint: "Without leading zeros: the number that the phone's WhatsApp shows in its settings.",
    },
  );
}

/** The number of a phone in its WhatsApp id, digits alone; `undefined` when it tells none. */
export function numberOf(id: string | undefined): string | undefined {
  return /^\d+/.exec(id ?? "")?.[0];
}

/** A phone for people: only its last digits. */
export function phoneWords(id: string | undefined): string {
  const digits = numberOf(id) ?? "";
  return digits.length > 4 ? `…${digits.slice(-4)}` : "a phone";
}
