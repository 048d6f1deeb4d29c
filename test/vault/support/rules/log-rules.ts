import type { Rule } from "./rule.ts";

const WILD = { file: "scenarios/schedule.test.ts", name: "lose nothing that was committed: wild" };

/** The rules of the log. */
export const LOG_RULES: readonly Rule[] = [
  {
    name: "1",
    says: "an entry is created exclusively",
    without: [{ file: "log.ts", from: "{ ifAbsent: true, signal,", to: "{ signal," }],
    failing: { ...WILD, says: /entry \d+ has changed/, seeds: "1-20" },
  },
  {
    name: "2",
    says: "a hold counts after a second listing",
    without: [{ file: "lease/take.ts", from: "if (newestOf(numbers) !== hold.n) {", to: "if (!committed) {" }],
    failing: {
      file: "scenarios/holds.test.ts",
      name: "counts only as the newest entry",
      says: /expected 5 to be 4/,
    },
  },
  {
    name: "2b",
    says: "a listing shows the largest key of some moment",
    without: [
      {
        file: "../../adapters/fs/index.ts",
        from: "      yield { key: text + found.text,",
        to: "      if (info) yield { key: text + found.text,",
      },
    ],
    failing: {
      file: "../adapters/fs-faults.test.ts",
      name: "lets no writer take the session whose hold has a number that was free again",
      says: /entry: 5/,
    },
  },
  {
    name: "3",
    says: "a holder uploads to a folder of its own",
    without: [
      {
        file: "session-writer.ts",
        from: "this.folder = holdFolder(hold);",
        to: 'this.folder = holdFolder({ epoch: 1, id: "0123456789abcdef" });',
      },
    ],
    failing: {
      file: "scenarios/overtaken-prune.test.ts",
      name: "deletes nothing that the other process has uploaded since",
      says: /code: 'CORRUPT'/,
    },
  },
  {
    name: "3b",
    says: "which its epoch alone does not name",
    without: [
      {
        file: "session-writer.ts",
        from: "this.folder = holdFolder(hold);",
        to: 'this.folder = holdFolder({ ...hold, id: "0123456789abcdef" });',
      },
    ],
    failing: {
      file: "scenarios/overtaken-prune.test.ts",
      name: "deletes nothing of another holder that has the same epoch",
      says: /code: 'CORRUPT'/,
    },
  },
  {
    name: "4",
    says: "nothing is deleted before the entry that drops it",
    without: [
      {
        file: "log.ts",
        from: "    let failure: unknown;\n",
        to: "    let failure: unknown;\n    await this.#blobs.delete(entry.dead.map((n) => entryKey(this.session, n)), { signal });\n",
      },
    ],
    failing: { ...WILD, says: /generation \d+ lost|the newest, is gone/, seeds: "1-20" },
  },
  {
    name: "5",
    says: "holds are kept",
    without: [{ file: "entry-draft.ts", from: '["hold", "rejected", ', to: '["rejected", ' }],
    failing: {
      file: "scenarios/holds.test.ts",
      name: "stops an entry of the holder before it that was on its way meanwhile",
      says: /promise resolved/,
    },
  },
  {
    name: "5b",
    says: "for 30 days of the log's own clock",
    without: [
      {
        file: "sweep-log.ts",
        from: "(state.uptimeMs ?? 0) - (entry.uptimeMs ?? 0) <= HOLD_MS",
        to: "state.at - entry.at <= HOLD_MS",
      },
    ],
    failing: {
      file: "scenarios/holds.test.ts",
      name: "stays when another host's clock is a month ahead",
      says: /promise resolved/,
    },
  },
  {
    name: "6",
    says: "who cannot read a live entry deletes nothing",
    without: [
      {
        file: "prune.ts",
        from: "const isWhole = (await missingEntries(lease, state, new Set(entries), signal)).length === 0;",
        to: "const isWhole = true;",
      },
      { file: "prune.ts", from: "if (!keys) return undefined;", to: "if (!keys) continue;" },
    ],
    failing: {
      file: "scenarios/overtaken-prune.test.ts",
      name: "deletes no chunk for a generation that is gone",
      says: /no generation is whole/,
    },
  },
  {
    name: "6b",
    says: "a live entry is known by number and id",
    without: [
      { file: "generations.ts", from: "if (entry?.id !== id) return undefined;", to: "if (!entry) return undefined;" },
    ],
    failing: {
      file: "scenarios/overtaken-prune.test.ts",
      name: "takes no entry that comes late to the number of a generation for that generation",
      says: /no generation is whole/,
    },
  },
  {
    name: "7",
    says: "a holder knows its entries by id",
    without: [
      {
        file: "session-writer.ts",
        from: "return this.pending.has(id) && epoch === this.#state.epoch;",
        to: "return epoch === this.#state.epoch;",
      },
    ],
    failing: {
      file: "scenarios/late-entry.test.ts",
      name: "give the session to the first that commits, and the second loses its lease",
      says: /promise resolved/,
    },
  },
  {
    name: "7b",
    says: "who has tried a number before looks behind it",
    without: [
      {
        file: "session-writer.ts",
        from: "if (!isOnlyAppend || !result.atOnce || this.#proof.isOld) await",
        to: "if (this.#proof.isOld) await",
      },
      {
        file: "session-writer.ts",
        from: "return n > this.#state.n + 1 || this.pending.isEmpty;",
        to: "return true;",
      },
    ],
    failing: {
      file: "scenarios/late-entry.test.ts",
      name: "is no commit for a writer whose entry was given up before",
      says: /promise resolved/,
    },
  },
  {
    name: "7c",
    says: "an append is remembered until its outcome is known",
    without: [{ file: "session-writer.ts", from: "      this.pending.add(entry);\n", to: "" }],
    failing: {
      file: "scenarios/schedule.test.ts",
      name: "lose nothing that was committed: alone",
      says: /has lost|has changed|was told what is not so/,
      seeds: "1-40",
    },
  },
  {
    name: "8",
    says: "what an entry on its way refers to stays",
    without: [
      {
        file: "session-writer.ts",
        from: "return this.pending.isEmpty ? this.#state : undefined;",
        to: "return this.#state;",
      },
    ],
    failing: {
      file: "vault.test.ts",
      name: "loses nothing when it arrives after a prune that did not know of it",
      says: /strictly deep-equal/,
    },
  },
  {
    name: "9",
    says: "a key whose delete was sent is not used again",
    without: [{ file: "uploads.ts", from: "this.#alt++;", to: "this.#alt += 0;" }],
    failing: { file: "vault.test.ts", name: "deletes no chunk that was uploaded again", says: /- {3}'Default\/a.ldb'/ },
  },
  {
    name: "10",
    says: "an operation with nothing to do takes the number of what is on its way",
    without: [
      { file: "session-writer.ts", from: "if (!wanted && (this.pending.isEmpty || !isFinal)) {", to: "if (!wanted) {" },
    ],
    failing: {
      file: "scenarios/late-entry.test.ts",
      name: "stops the first save of a new session",
      says: /expected true to be false/,
    },
  },
  {
    name: "10b",
    says: "an operation with nothing to do looks for a successor first",
    without: [
      {
        file: "session-writer.ts",
        from: "        await this.look(signal);\n        return 0;",
        to: "        return 0;",
      },
    ],
    failing: {
      file: "scenarios/unchanged-save.test.ts",
      name: "rejects with LEASE_LOST when another process has taken the session, and deleted it",
      says: /promise resolved/,
    },
  },
  {
    name: "11",
    says: "who has not seen itself newest for a minute lists",
    without: [{ file: "newest-proof.ts", from: "> COUNTS_MS;", to: "> Number.POSITIVE_INFINITY;" }],
    failing: {
      file: "scenarios/holds.test.ts",
      name: "deletes a session that another holder has had since, also without a lease",
      says: /expected true to be false/,
    },
  },
];
