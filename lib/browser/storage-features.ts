import { VaultError } from "../errors.ts";
import type { ProfileFacts, StorageBackend } from "../store.ts";

const ENABLE = "--enable-features=";
const DISABLE = "--disable-features=";

/** The features that decide in which form Chromium opens a store: measured on Chromium 156, on both forms. */
interface StorageSwitch {
  readonly store: string;
  readonly form: (profile: ProfileFacts) => StorageBackend | undefined;
  readonly feature: string;
  /** Opens a store of either form as it is. Without it, or with the feature off, Chromium wipes a SQLite store. */
  readonly asItIs: string;
  /** Opens every store as SQLite, in spite of all other features: Chromium wipes a LevelDB store. */
  readonly sqliteOnly: string;
}

const SWITCHES: readonly StorageSwitch[] = [
  {
    store: "IndexedDB",
    form: (profile) => profile.indexedDb,
    feature: "IdbSqliteOnDiskRollout",
    asItIs: "IdbSqliteOnDiskRollout:stage/UseSqliteForNewStores",
    sqliteOnly: "IdbSqliteBackingStore",
  },
  {
    store: "Local Storage",
    form: (profile) => profile.localStorage,
    feature: "DomStorageSqliteNewDatabases",
    asItIs: "DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteForNewDatabases",
    sqliteOnly: "DomStorageSqlite",
  },
];

/**
 * `args` as a new array whose `--enable-features` and `--disable-features` are one each and open every store of the
 * profile in the form it has on disk. A store of either form is pinned, so that neither a browser whose default is
 * LevelDB nor a later one whose default is SQLite wipes it; a store that does not exist yet is left to the browser.
 * @throws `INVALID` when the user's own switches would open a store in the other form
 */
export function storageFeatures(args: readonly string[], profile: ProfileFacts): string[] {
  const disabled = featuresOf(args, DISABLE);
  let enabled = featuresOf(args, ENABLE);
  for (const storage of SWITCHES) {
    const form = storage.form(profile);
    if (form === undefined) continue;
    checkContradiction(storage, form, enabled, disabled);
    const users = enabled.find((entry) => nameOf(entry) === storage.feature);
    // A migration keeps the content, in both directions; a user who enables one wants it.
    if (users?.includes("Migrate") || disabled.includes(storage.feature)) continue;
    // Of two entries for one feature Chromium takes the first.
    enabled = [storage.asItIs, ...enabled.filter((entry) => nameOf(entry) !== storage.feature)];
  }
  const others = args.filter((argument) => !argument.startsWith(ENABLE) && !argument.startsWith(DISABLE));
  return [...others, ...oneSwitch(ENABLE, enabled), ...oneSwitch(DISABLE, disabled)];
}

/** The entries of `--enable-features`, with their parameters. */
export function enabledFeatures(args: readonly string[]): readonly string[] {
  return featuresOf(args, ENABLE);
}

/** A feature that is both enabled and disabled counts as disabled, as in Chromium. */
function checkContradiction(
  { store, feature, sqliteOnly }: StorageSwitch,
  form: StorageBackend,
  enabled: readonly string[],
  disabled: readonly string[],
): void {
  const wipes =
    form === "sqlite"
      ? disabled.find((name) => name === feature)
      : enabled.find((entry) => {
          const name = nameOf(entry);
          return !disabled.includes(name) && (name === sqliteOnly || (name === feature && /Only\b/.test(entry)));
        });
  if (wipes === undefined) return;
  const written = form === "sqlite" ? "SQLite" : "LevelDB";
  const flag = `${form === "sqlite" ? DISABLE : ENABLE}${wipes}`;
  throw new VaultError("INVALID", `The ${store} of the profile is in ${written}: Chromium with \`${flag}\` wipes it.`, {
    hint: "Remove the feature from `puppeteer.args`.",
  });
}

function featuresOf(args: readonly string[], flag: string): string[] {
  return args
    .filter((argument) => argument.startsWith(flag))
    .flatMap((argument) => argument.slice(flag.length).split(","))
    .map((feature) => feature.trim())
    .filter((feature) => feature !== "");
}

/** The feature's name, without the parameters (`:`) or the trial (`<`) that may follow it. */
function nameOf(entry: string): string {
  return entry.split(/[:<]/, 1)[0] ?? entry;
}

function oneSwitch(flag: string, features: readonly string[]): string[] {
  return features.length === 0 ? [] : [`${flag}${features.join(",")}`];
}
