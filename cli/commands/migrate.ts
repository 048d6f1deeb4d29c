import { type Command, Option } from "commander";
import { MemoryStore } from "../../adapters/memory.ts";
import { fromEnvironment } from "../../address/environment.ts";
import { hasSecret, parseAddress } from "../../address/parse-address.ts";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { type Compared, compared, comparedJson, comparedWords } from "../change/compare.ts";
import { heldError, untilFree, type WaitOptions, withWait } from "../change/lease.ts";
import { each, type LeftOut, type Outcome, throwFailed } from "../change/many.ts";
import { sayingOtherPhone } from "../change/other-phone.ts";
import { type ReplaceOptions, withReplace } from "../change/replace.ts";
import { unlessSeenReplaced } from "../change/seen-version.ts";
import { type Cli, refuseSecret } from "../cli.ts";
import { errorJson } from "../error-json.ts";
import { isSameState } from "../migrate/baileys.ts";
import { FORMS, type Moved, type OldForm, type OldSession, type OldSetup } from "../migrate/old-setup.ts";
import { openOld } from "../migrate/open-old.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { NEW_SESSION } from "../session-argument.ts";
import { quoted } from "../terminal/quoted.ts";
import { sizeWords } from "../terminal/words.ts";

interface MigrateOptions extends ReplaceOptions, WaitOptions {
  readonly form?: OldForm;
  readonly only?: string[];
  readonly as?: string;
  readonly otherPhone?: boolean;
}

export function addMigrate(program: Command, cli: Cli): void {
  const command = withWait(withReplace(withChange(withStore(program.command("migrate")))))
    .description("Move all sessions of another package into a store. The old setup is only read.")
    .argument("[old]", "its directory or address, without a password [env: WA_VAULT_FROM]")
    .addOption(new Option("--form <form>", "only what is of this form").choices(FORMS))
    .option("--only <names...>", "only these of its sessions")
    .option("--as <name>", `${NEW_SESSION}, where only one is moved`)
    .option("--other-phone", "with --replace, also the session of another phone")
    .helpGroup("Keep:")
    .action((old: string | undefined, options: MigrateOptions) => migrate(cli, old, options));
  withExamples(command, [
    ["migrate ./.wwebjs_auth --dry-run", "what LocalAuth has here, and what would become of each"],
    ["migrate mongodb://127.0.0.1/bots --store s3://bucket/bots", "from wwebjs-mongo"],
    ["migrate s3://my-bucket/sessions --store s3://my-bucket/wa-vault", "from wwebjs-aws-s3"],
    ["migrate ./auth_info --as support", "a directory of useMultiFileAuthState"],
    [`migrate ${quoted("redis://127.0.0.1/0?prefix=wapi")}`, "from wapi's RedisAuth"],
  ]);
}

async function migrate(cli: Cli, given: string | undefined, options: MigrateOptions): Promise<void> {
  refuseSecretOfOld(given);
  const old = given ?? (await fromEnvironment(cli.env, "WA_VAULT_FROM"));
  if (old === undefined) {
    throw new VaultError("INVALID", "No old setup is named.", {
      hint: "Name its directory or its address, or set WA_VAULT_FROM.",
    });
  }
  const store = await cli.store(options);
  const { setup, place, path } = await openOld(cli, old, options.form);
  const sessions = wantedOf(setup, place, options);
  const isOneOfSeveral = sessions.length > 1;
  const byName = new Map(sessions.map((one) => [keyOf(one), one]));
  const outcomes = await each(cli, [...byName.keys()], async (name): Promise<Told> => {
    const one = byName.get(name);
    if (!one) throw new VaultError("ABSENT", `There is no session ${name}.`);
    refuseTwice(one, sessions);
    if (options.dryRun) return await dryRunOf(cli, one, store);
    await untilFree(cli, { store, session: one.session }, options);
    const target = { store, session: one.session };
    const question = (there: string): string => `Replace ${there} of ${store.address} by ${one.name} of ${place}?`;
    return await unlessSeenReplaced(cli, target, isOneOfSeveral ? undefined : question, options, (replace, to) =>
      moveOne(cli, one, to, { ...options, replace }),
    );
  });
  if (options.json) {
    const told = { store: store.address, ...(path === undefined ? { from: place } : { path }) };
    const listed = outcomes.map((one) => jsonOf(one, byName, options, isOneOfSeveral));
    const left = setup.left.map((session): LeftOut => ({ session, reason: "no session" }));
    cli.json({ ...told, ...(options.dryRun ? { dryRun: true } : {}), sessions: listed, left });
  } else print(cli, outcomes, byName, options, isOneOfSeveral);
  if (!options.json && setup.left.length > 0) cli.note(`Left out, no sessions: ${setup.left.join(", ")}.`);
  throwFailed(outcomes, options.dryRun ? "moved if this were no dry run" : "moved");
  if (!options.json && !options.dryRun) {
    cli.note("Start the bots with their new store, and never the old ones again. The old setup still has everything.");
  }
}

async function moveOne(
  cli: Cli,
  one: OldSession,
  to: Vault,
  { replace, otherPhone = false, store }: Pick<MigrateOptions, "otherPhone" | "store"> & { readonly replace: boolean },
): Promise<Moved> {
  const onWarning = (message: string): void => cli.warn(message);
  return await cli.progress(async (show) => {
    const onStep = (step: string): void => show(`${step} ${one.name}`);
    const call = { to, replace, otherPhone, signal: cli.signal, onStep, onWarning };
    return await sayingOtherPhone(() => one.move(call)).catch(async (error: unknown) => {
      const { session } = one;
      // A profile of the old setup may be in use as well: nobody waits for that.
      if (!isVaultError(error, "LEASE_HELD") || !(await to.state({ session, signal: cli.signal }))?.lease) throw error;
      throw heldError(error, { session, store });
    });
  });
}

/** Moves the session into a store in memory, and compares: what is told is what would come. */
async function dryRunOf(cli: Cli, one: OldSession, store: AddressedStore): Promise<Told> {
  const scratch = new MemoryStore({ onWarning: (message) => cli.warn(message) });
  const moved = await moveOne(cli, one, scratch, { replace: false });
  const found = await cli.progress(async (show) => {
    show(`comparing ${one.name}`);
    const bytewise = await compared(cli, store, one.session, { from: scratch });
    // As the real run compares.
    const isSame =
      bytewise.isOther && one.kind === "records" && (await isSameState(scratch, store, one.session, cli.signal));
    return isSame ? { ...bytewise, unchanged: true, isOther: false, isOtherPhone: false } : bytewise;
  });
  return { ...moved, unchanged: found.unchanged, found };
}

function wantedOf(setup: OldSetup, place: string, { only, as, form }: MigrateOptions): OldSession[] {
  const all = setup.sessions.filter((one) => form === undefined || one.form === form);
  if (all.length === 0) {
    throw new VaultError("ABSENT", `${place} has no session${form ? ` of ${form}` : " of a setup that is known"}.`, {
      hint: `Known are ${FORMS.join(", ")}.${setup.left.length > 0 ? ` There is ${setup.left.slice(0, 5).join(", ")}.` : ""}`,
    });
  }
  const isOne = (one: OldSession, name: string): boolean => [one.name, one.session].includes(name);
  const absent = only?.find((name) => !all.some((one) => isOne(one, name)));
  if (absent !== undefined) {
    throw new VaultError("ABSENT", `${place} has no session ${absent}.`, {
      hint: `It has ${all.map(({ name }) => name).join(", ")}.`,
    });
  }
  const wanted = only ? all.filter((one) => only.some((name) => isOne(one, name))) : all;
  if (as === undefined) return wanted;
  const [first, ...others] = wanted;
  if (!first || others.length > 0) {
    throw new VaultError("INVALID", `\`--as\` names one session, and there are ${wanted.length}.`, {
      hint: "Choose one by `--only`.",
    });
  }
  return [first.as(as)];
}

/** Two versions of whatsapp-web.js have named one session in two ways. @throws `CONFLICT` */
function refuseTwice(one: OldSession, all: readonly OldSession[]): void {
  const others = all.filter(({ session, name }) => session === one.session && name !== one.name);
  if (others.length === 0) return;
  const names = [one, ...others].map(({ name }) => name).sort();
  throw new VaultError("CONFLICT", `${one.session} is there under ${names.length} names: ${names.join(" and ")}.`, {
    hint: "Choose the newer one by `--only`; the longer name was written by whatsapp-web.js 1.34.5 or 1.34.6.",
  });
}

function keyOf({ form, name }: OldSession): string {
  return `${form} ${name}`;
}

type Told = Moved & {
  /** In a dry run. */
  readonly found?: Compared;
};

function print(
  cli: Cli,
  outcomes: readonly Outcome<Told>[],
  byName: ReadonlyMap<string, OldSession>,
  options: MigrateOptions,
  isOneOfSeveral: boolean,
): void {
  for (const { session: key, result, error } of outcomes) {
    const { name = key, session = "" } = byName.get(key) ?? {};
    if (error) cli.out.line(`${name}: ${error.code}: ${error.message}`);
    else if (result?.unchanged) {
      cli.out.line(`${session} ${options.dryRun ? "is" : "was"} there already: it has all of ${name}.`);
    } else if (result) {
      const there = result.found ? comparedWords(cli, result.found, options, isOneOfSeveral) : "";
      const done = `${options.dryRun ? "Would move" : "Moved"} ${name} to ${session}`;
      cli.out.line(`${done} (${amountOf(result)}).${there}`);
    }
    for (const warning of result?.warnings ?? []) cli.warn(`${name}: ${warning}`);
  }
}

function amountOf({ files, bytes }: Moved): string {
  return bytes === undefined ? `${files} records` : `${files} files, ${sizeWords(bytes)}`;
}

function jsonOf(
  { session: key, result, error }: Outcome<Told>,
  byName: ReadonlyMap<string, OldSession>,
  options: MigrateOptions,
  isOneOfSeveral: boolean,
): object {
  const { name, session = key, form, kind } = byName.get(key) ?? {};
  const { found, ...moved } = result ?? {};
  const target = found ? comparedJson(found, options, isOneOfSeveral) : {};
  const what = { session, name, form, kind };
  return { ...what, ...(error ? { error: errorJson(error) } : { ...moved, ...target }) };
}

/** A directory has no password; an address may have one. */
function refuseSecretOfOld(old: string | undefined): void {
  if (old === undefined || !/^[a-z][a-z0-9+.-]+:/i.test(old) || !hasSecret(parseAddress(old))) return;
  refuseSecret(old, "WA_VAULT_FROM");
}
