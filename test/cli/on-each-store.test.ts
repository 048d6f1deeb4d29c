import { join } from "node:path";
import { expect, it } from "vitest";
import { storeFromUrl } from "../../address/store-from-url.ts";
import { filesIn, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { isLong } from "../support/length.ts";
import { expectWarning } from "../support/warnings.ts";
import { type AddressOf, onEachStore } from "./support/each-store.ts";
import { type CliResult, runCli } from "./support/run-cli.ts";
import { saveBrowser, saveRecords } from "./support/sessions.ts";

const folder = useFolder();
const session = "RemoteAuth-support";

/** One step of the life of a session, by the command alone. */
interface Step {
  readonly args: readonly string[];
  /** What stdout has. */
  readonly says: RegExp;
}

/** A life: every command once, in an order in which each has something to do. A new command is one line. */
const LIFE: readonly Step[] = [
  { args: ["ls"], says: /RemoteAuth-support[\s\S]*browser/ },
  { args: ["show", "support"], says: /^RemoteAuth-support[\s\S]*GENERATION/ },
  { args: ["verify", "--history"], says: /RemoteAuth-support .*good/ },
  { args: ["export", "support", "<folder>/x.wavault", "--plain"], says: /has RemoteAuth-support, and was read back/ },
  { args: ["import", "<folder>/x.wavault"], says: /exactly so .*nothing was written/ },
  { args: ["pull", "support", "<folder>/profile"], says: /as profile/ },
  { args: ["push", "<folder>/profile", "support"], says: /exactly so .*nothing was written/ },
  { args: ["prune", "support", "--yes"], says: /^Pruned/ },
  { args: ["rollback", "support", "--proven", "--yes"], says: /is the current one now/ },
  { args: ["rename", "support", "help", "--yes"], says: /^Renamed/ },
  { args: ["undelete", "support", "--yes"], says: /^Brought RemoteAuth-support/ },
  { args: ["delete", "help", "--now", "--yes"], says: /^Deleted RemoteAuth-help\. Nothing is left/ },
  { args: ["delete", "support", "--retain", "1d", "--yes"], says: /^Deleted RemoteAuth-support/ },
  { args: ["undelete", "support", "--yes", "--json"], says: /"unchanged":false/ },
  { args: ["unlock", "support"], says: /^Nobody has RemoteAuth-support/ },
  { args: ["copy", "support", "--as", "copy", "--to-self"], says: /^Copied/ },
  { args: ["copy", "--all"], says: /Copied Baileys-bot[\s\S]*Copied RemoteAuth-support/ },
  { args: ["copy", "support"], says: /exactly this already/ },
];

/** What only a store with a key does. */
const ENCRYPTED: readonly Step[] = [
  { args: ["rekey", "--all", "--yes"], says: /RemoteAuth-support is encrypted with key/ },
];

type Kind = "plain" | "encrypted";

/** What `npm test` has: each kind in a directory, and one of them on each server. */
const SHORT: Readonly<Record<string, readonly Kind[]>> = {
  directory: ["plain", "encrypted"],
  S3: ["encrypted"],
  MongoDB: ["plain"],
  Redis: ["encrypted"],
  PostgreSQL: ["plain"],
};

function lives(addressOf: AddressOf, store: string): void {
  const kinds: readonly Kind[] = isLong ? ["plain", "encrypted"] : (SHORT[store] ?? []);
  it.each(kinds)("a whole life by the command, %s", async (kind) => {
    const key = kind === "encrypted" ? testKey(5).toString("hex") : undefined;
    const directory = folder();
    const env: NodeJS.ProcessEnv = {
      WA_VAULT_STORE: await addressOf(),
      WA_VAULT_TO_STORE: `file:${join(directory, "next")}`,
      ...(key === undefined ? {} : { WA_VAULT_KEY: key }),
    };
    const store = await storeFromUrl(undefined, { env });
    await saveBrowser(store, session, [{ value: "1", as: "proven" }, { value: "2" }]);
    await saveRecords(store, "Baileys-bot", { creds: "x" });
    await store.close();
    const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
      runCli(
        args.filter((one) => one !== "--to-self").map((one) => one.replace("<folder>", directory)),
        { env: { ...env, ...more } },
      );
    for (const { args, says } of [...LIFE, ...(key === undefined ? [] : ENCRYPTED)]) {
      const self = args.includes("--to-self") ? { WA_VAULT_TO_STORE: env.WA_VAULT_STORE } : {};
      const { code, stdout, stderr } = await run(args, self);
      const command = args.join(" ");
      expect({ command, code, stderr: code === 0 ? "" : stderr }).toEqual({ command, code: 0, stderr: "" });
      expect(stdout, command).toMatch(says);
    }
    // What the next store has is what was rolled back to.
    const next = await storeFromUrl(env.WA_VAULT_TO_STORE, { env });
    await next.restoreProfile({ session, into: join(directory, "restored") });
    expect(await filesIn(join(directory, "restored"))).toEqual(profileFiles("1"));
    await next.close();
  });
}

expectWarning(/without encryption/);

await onEachStore(lives);
