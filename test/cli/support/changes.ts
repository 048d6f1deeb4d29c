import { expect } from "vitest";
import type { Vault } from "../../../lib/vault/vault.ts";
import { keyIdOf, testKey } from "../../support/keys.ts";
import { saveBrowser, saveRecords } from "./sessions.ts";

/** The stores of a change: the one that a command is told, and the one that it copies to. */
export interface Stores {
  readonly main: Vault;
  readonly to: Vault;
}

/** A command that changes something, and how what is stored is known from what was stored before. */
export interface Change {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Makes what it changes, in an empty store. */
  prepare(store: Vault): Promise<void>;
  /** Whether it has been done, as far as a person can see. Fails when what is there is neither old nor new. */
  isDone(stores: Stores): Promise<boolean>;
}

export const session: string = "RemoteAuth-support";
/** All that the changes may write. */
export const SESSIONS: readonly string[] = [session, "RemoteAuth-help", "Baileys-bot", "Baileys-robot"];
export const key: Buffer = testKey(3);

const browser = async (store: Vault): Promise<void> => {
  await saveBrowser(store, session, [{ value: "1", as: "proven" }, { value: "2" }]);
};
const records = async (store: Vault): Promise<void> => {
  await saveRecords(store, "Baileys-bot", { creds: "x", "pre-key-1": "y" });
};
const isThere = (store: Vault, name: string): Promise<boolean> => store.sessionExists({ session: name });

/** Of the names of a rename the session is under one, or for a moment under both. */
async function isRenamed(store: Vault, from: string, to: string): Promise<boolean> {
  const [old, now] = [await isThere(store, from), await isThere(store, to)];
  expect(old || now).toBe(true);
  return !old && now;
}

export const CHANGES: readonly Change[] = [
  {
    name: "rename",
    args: ["rename", "support", "help"],
    prepare: browser,
    isDone: ({ main }) => isRenamed(main, session, "RemoteAuth-help"),
  },
  {
    name: "rename of Baileys",
    args: ["rename", "bot", "robot"],
    prepare: records,
    isDone: ({ main }) => isRenamed(main, "Baileys-bot", "Baileys-robot"),
  },
  {
    name: "rollback",
    args: ["rollback", "support", "--proven"],
    prepare: browser,
    async isDone({ main }) {
      const { current, generations = [] } = (await main.state({ session })) ?? {};
      expect(generations).toHaveLength(2);
      return current?.generation === generations[0]?.generation;
    },
  },
  {
    name: "delete",
    args: ["delete", "support"],
    prepare: browser,
    async isDone({ main }) {
      const facts = await main.facts({ session });
      expect(facts).toMatchObject({ saved: {}, generations: 2 });
      return facts?.deleted !== undefined;
    },
  },
  {
    name: "delete --now",
    args: ["delete", "support", "--now"],
    prepare: browser,
    async isDone({ main }) {
      const facts = await main.facts({ session });
      expect(facts?.deleted === undefined).toBe(facts?.saved !== undefined);
      return facts?.saved === undefined;
    },
  },
  {
    name: "undelete",
    args: ["undelete", "support"],
    async prepare(store) {
      await browser(store);
      await store.delete({ session });
    },
    isDone: async ({ main }) => await isThere(main, session),
  },
  {
    name: "prune",
    args: ["prune"],
    prepare: browser,
    isDone: async ({ main }) => await isThere(main, session),
  },
  {
    name: "rekey",
    args: ["rekey", "support"],
    env: { WA_VAULT_KEY: key.toString("hex") },
    prepare: browser,
    async isDone({ main }) {
      expect(await isThere(main, session)).toBe(true);
      return (await main.facts({ session }))?.saved?.keyId === keyIdOf(key);
    },
  },
  {
    name: "copy",
    args: ["copy", "support"],
    prepare: browser,
    async isDone({ main, to }) {
      expect(await isThere(main, session)).toBe(true);
      return await isThere(to, session);
    },
  },
  {
    name: "copy of Baileys",
    args: ["copy", "bot"],
    prepare: records,
    async isDone({ to }) {
      const there = await to.peekRecords({ session: "Baileys-bot" });
      expect([0, 2]).toContain(there?.size ?? 0);
      return there?.size === 2;
    },
  },
];
