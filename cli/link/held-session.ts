import { VaultError } from "../../lib/errors.ts";
import type { SessionFacts, SessionState } from "../../lib/store.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import type { Cli } from "../cli.ts";
import { ageWords } from "../terminal/words.ts";
import { type LinkOptions, phoneWords } from "./link-request.ts";

/** Sessions whose key is looked at, at most. */
const SAMPLE = 20;

/**
 * Makes sure, before a person scans anything, that the link can be stored: the store takes and deletes values, and its other
 * sessions are encrypted with the key at hand, or none is.
 * @throws the error of the store
 */
export async function tryStore(store: Vault, cli: Cli): Promise<void> {
  const { signal } = cli;
  const { steps } = await store.probe({ signal });
  const failed = steps.find(({ error }) => error !== undefined);
  if (failed?.error) throw failed.error;
  const seen: SessionFacts[] = [];
  let otherKeys = 0;
  for await (const one of store.sessions({ details: true, signal })) {
    if (one.problem?.code === "WRONG_KEY") otherKeys += 1;
    else if (one.problem === undefined) seen.push(one);
    if (otherKeys + seen.length >= SAMPLE) break;
  }
  if (otherKeys > 0 && seen.length === 0) {
    cli.warn(
      "No other session of this store can be read with the key that is set (WA_VAULT_KEY, WA_VAULT_PASSPHRASE): give the bot the same key as this command.",
    );
  }
}

/** What brings a session back that was replaced. */
const BROUGHT_BACK = {
  profile: "`wa-vault rollback` brings it back",
  records: "`wa-vault export --generation` and `wa-vault import --replace` bring it back",
} as const;

/**
 * Asks whether a session that is stored may be replaced. Nothing of it is lost: it can be brought back.
 * @throws `CONFLICT` when nobody can be asked; `CANCELLED` when the answer is no
 */
export async function mayReplace(
  cli: Cli,
  session: string,
  { kind, savedAt }: { readonly kind: "profile" | "records"; readonly savedAt: Date | undefined },
  options: LinkOptions,
): Promise<void> {
  if (options.replace || options.yes) return;
  const words = `${session} is linked and stored already${savedAt === undefined ? "" : `, saved ${ageWords(savedAt)}`}`;
  if (cli.canAsk) return await cli.confirm(`${words}. Link anew and replace it?`, options);
  throw new VaultError("CONFLICT", `${words}.`, {
    hint: `\`--replace\` links anew; what is stored is kept, and ${BROUGHT_BACK[kind]}. Or choose another name.`,
  });
}

/**
 * The error when another phone than the one whose session is stored has linked, or is about to; `undefined` when it is the
 * same one, or nobody can tell.
 * @param own the number of the phone, digits alone
 * @param stored that of the session in the store
 */
export function otherPhone(
  session: string,
  own: string | undefined,
  stored: string | undefined,
  options: LinkOptions,
): VaultError | undefined {
  if (options.otherPhone || own === undefined || stored === undefined || own === stored) return undefined;
  const message = `${phoneWords(own)} is another phone than the one whose ${session} is stored.`;
  return new VaultError("CONFLICT", message, {
    hint: "Nothing was changed. `--other-phone` replaces the session of that phone. Or link its own phone, or choose another name.",
  });
}

/**
 * To be called once the session is taken, before anything is linked: what another process has linked or saved since the person
 * was asked is not replaced.
 * @throws `CONFLICT` when it is another session now than the one that was seen
 */
export function refuseStoredMeanwhile(
  session: string,
  seen: SessionState | undefined,
  now: SessionState | undefined,
): void {
  if (seen?.current?.id !== now?.current?.id) throw storedMeanwhile(session);
}

/** The error for a session that is another one than the person was asked about. */
export function storedMeanwhile(session: string): VaultError {
  return new VaultError("CONFLICT", `${session} was stored by somebody else a moment ago.`, {
    hint: "Nothing was changed. Look at it with `wa-vault show`, and run the command again.",
  });
}
