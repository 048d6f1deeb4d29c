import { type Command, Option } from "commander";
import { MemoryStore } from "../../adapters/memory.ts";
import { fromEnvironment } from "../../address/environment.ts";
import { hasSecret, parseAddress } from "../../address/parse-address.ts";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { VaultError } from "../../lib/errors.ts";
import { sayingHowToWait, untilFree, type WaitOptions, withWait } from "../change/lease.ts";
import { each, type Outcome, outcomeJson, throwFailed } from "../change/many.ts";
import { sayingOtherPhone } from "../change/other-phone.ts";
import { sessionWords } from "../change/session.ts";
import { type Cli, type CommonOptions, refuseSecret } from "../cli.ts";
import { KINDS, type Moved, type OldKind, type OldSession, type OldSetup } from "../migrate/old-setup.ts";
import { openOld } from "../migrate/open-old.ts";
import { withChange, withExamples, withStore } from "../options.ts";
import { sizeWords } from "../terminal/words.ts";

interface MigrateOptions extends CommonOptions, WaitOptions {
  readonly from?: OldKind;
  readonly only?: string[];
  readonly as?: string;
  readonly replace?: boolean;
  readonly otherPhone?: boolean;
}

export function addMigrate(program: Command, cli: Cli): void {
  const command = withWait(withChange(withStore(program.command("migrate"))))
    .description("Move all sessions of another package into a store. The old setup is only read.")
    .argument("[old]", "its directory or address, without a password [env: WA_VAULT_FROM]")
    .addOption(new Option("--from <kind>", "what it is, where that is not seen").choices(KINDS))
    .option("--only <names...>", "only these of its sessions")
    .option("--as <name>", "name of the session in the store, where there is only one")
    .option("--replace", "also where the store has another version of a browser's session")
    .option("--other-phone", "with --replace, also the session of another phone")
    .helpGroup("Keep:")
    .action((old: string | undefined, options: MigrateOptions) => migrate(cli, old, options));
  withExamples(command, [
    ["migrate ./.wwebjs_auth --dry-run", "what LocalAuth has here, and what would become of each"],
    ["migrate mongodb://127.0.0.1/bots --store s3://bucket/bots", "from wwebjs-mongo"],
    ["migrate s3://my-bucket/sessions --store s3://my-bucket/wa-vault", "from wwebjs-aws-s3"],
    ["migrate ./auth_info --as support", "a directory of useMultiFileAuthState"],
    ["migrate redis://127.0.0.1/0?prefix=wapi", "from wapi's RedisAuth"],
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
  const { setup, address } = await openOld(cli, old, options.from);
  const sessions = wantedOf(setup, address, options);
  const told = { store: store.address, from: address };
  if (!options.dryRun && options.replace) {
    const question = `Replace what ${store.address} has of ${sessions.length} sessions of ${address}?`;
    await cli.confirm(question, options);
  }
  const byName = new Map(sessions.map((one) => [keyOf(one), one]));
  const outcomes = await cli.progress((show) =>
    each(cli, [...byName.keys()], async (name) => {
      const one = byName.get(name);
      if (!one) throw new VaultError("ABSENT", `There is no session ${name}.`);
      refuseTwice(one, sessions);
      const to = options.dryRun ? new MemoryStore({ onWarning: (message) => cli.warn(message) }) : store;
      if (!options.dryRun) await untilFree(cli, { store, session: one.session }, options);
      const moved = await moveOne(cli, one, to, options, show);
      return { ...moved, ...(await thereOf(cli, store, one, options)) };
    }),
  );
  if (options.json) {
    const listed = outcomes.map((one) => jsonOf(one, byName));
    cli.json({ ...told, ...(options.dryRun ? { dryRun: true } : {}), sessions: listed, left: setup.left });
  } else print(cli, outcomes, byName, options);
  if (!options.json && setup.left.length > 0) cli.note(`Left out, no sessions: ${setup.left.join(", ")}.`);
  throwFailed(outcomes, options.dryRun ? "moved if this were no dry run" : "moved");
  if (!options.json && !options.dryRun) {
    cli.note("Start the bots with their new store, and never the old ones again. The old setup still has everything.");
  }
}

/** In a dry run the session is moved into a store in memory: what is told is what would come. */
async function moveOne(
  cli: Cli,
  one: OldSession,
  to: MemoryStore | AddressedStore,
  { replace = false, otherPhone = false }: MigrateOptions,
  show: (text: string) => void,
): Promise<Moved> {
  const onStep = (step: string): void => show(`${step} ${one.name}`);
  const onWarning = (message: string): void => cli.warn(message);
  const call = { to, replace, otherPhone, signal: cli.signal, onStep, onWarning };
  return await sayingHowToWait(one.session, () => sayingOtherPhone(() => one.move(call)));
}

/** In a dry run, what the store has of the session. */
async function thereOf(
  cli: Cli,
  store: AddressedStore,
  { session }: OldSession,
  { dryRun }: MigrateOptions,
): Promise<{ there?: string }> {
  if (!dryRun) return {};
  const facts = await store.facts({ session, signal: cli.signal });
  return facts?.saved && !facts.deleted ? { there: sessionWords(facts) } : {};
}

function wantedOf(setup: OldSetup, address: string, { only, as, from }: MigrateOptions): OldSession[] {
  const all = setup.sessions.filter(({ kind }) => from === undefined || kind === from);
  if (all.length === 0) {
    throw new VaultError("ABSENT", `${address} has no session${from ? ` of ${from}` : " of a setup that is known"}.`, {
      hint: `Known are ${KINDS.join(", ")}.${setup.left.length > 0 ? ` There is ${setup.left.slice(0, 5).join(", ")}.` : ""}`,
    });
  }
  const isOne = (one: OldSession, name: string): boolean => [one.name, one.session].includes(name);
  const absent = only?.find((name) => !all.some((one) => isOne(one, name)));
  if (absent !== undefined) {
    throw new VaultError("ABSENT", `${address} has no session ${absent}.`, {
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

function keyOf({ kind, name }: OldSession): string {
  return `${kind} ${name}`;
}

type Told = Moved & { readonly there?: string };

function print(
  cli: Cli,
  outcomes: readonly Outcome<Told>[],
  byName: ReadonlyMap<string, OldSession>,
  { dryRun = false }: MigrateOptions,
): void {
  for (const { session: key, result, error } of outcomes) {
    const { name = key, session = "" } = byName.get(key) ?? {};
    const arrow = `${name} to ${session}`;
    if (error) cli.out.line(`${name}: ${error.code}: ${error.message}`);
    else if (result?.there) cli.out.line(`Would compare ${name} with ${result.there}, which is there already.`);
    else if (result?.unchanged) cli.out.line(`${session} was there already: it has all of ${name}.`);
    else if (result) cli.out.line(`${dryRun ? "Would move" : "Moved"} ${arrow} (${amountOf(result)}).`);
    for (const warning of result?.warnings ?? []) cli.warn(`${name}: ${warning}`);
  }
}

function amountOf({ files, bytes }: Moved): string {
  return bytes === undefined ? `${files} records` : `${files} files, ${sizeWords(bytes)}`;
}

function jsonOf(outcome: Outcome<Told>, byName: ReadonlyMap<string, OldSession>): object {
  const { name, session, kind } = byName.get(outcome.session) ?? {};
  return { ...outcomeJson(outcome), session, name, kind };
}

/** A directory has no password; an address may have one. */
function refuseSecretOfOld(old: string | undefined): void {
  if (old === undefined || !/^[a-z][a-z0-9+.-]+:/i.test(old) || !hasSecret(parseAddress(old))) return;
  refuseSecret(old, "WA_VAULT_FROM");
}
