import * as baileys from "baileys";
import * as baileys67 from "baileys-6.7";
import * as baileys617 from "baileys-6.17";
import { expect, it } from "vitest";
import { authStateContract } from "../contract/index.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

/** What Baileys itself offers, below the contract that its sockets have with a state. */
const NOT_MET = [
  "leaves ids without a value out of the answer",
  "lets a get see what a set was called with, stored or not",
  "stores what is written into the object that was set, until the set has resolved",
  "takes `null` and `undefined` for deletions",
  "keeps values as they are",
  "resolves sets that change nothing",
  "keeps the credentials as they are at the call of `saveCreds`",
  "never replaces the credentials of a linked device by others that are not linked",
  "never uses the id of a pre-key again",
  "deletes all keys by `keys.clear`, and keeps the credentials",
  "lists the records of a family as they are at the call",
];

it.each([
  ["7.0.0-rc14", baileys.useMultiFileAuthState],
  ["6.17.16", baileys617.useMultiFileAuthState],
  ["6.7.24", baileys67.useMultiFileAuthState],
])("the contract of auth states notices what `useMultiFileAuthState` of Baileys %s lacks", async (_, use) => {
  const failed: string[] = [];
  const tests: [string, () => Promise<void> | void][] = [];
  const runner = {
    describe: (_name: string, define: () => void): void => define(),
    it: (name: string, test: () => Promise<void> | void): void => void tests.push([name, test]),
  };
  authStateContract(runner, {
    name: "multi-file",
    open: () => {
      const directory = folder();
      return { openState: () => use(directory) as never };
    },
  });
  for (const [name, test] of tests) {
    try {
      await test();
    } catch {
      failed.push(name);
    }
  }
  expect(failed).toEqual(NOT_MET);
});
