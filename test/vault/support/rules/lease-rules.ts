import type { Rule } from "./rule.ts";

/** The rules of leases: they decide when a process tries to take the session. */
export const LEASE_RULES: readonly Rule[] = [
  {
    name: "L1",
    says: "a lease that has ended by the wall clock is over only when it was seen unchanged for half of its time",
    without: [
      {
        file: "lease/watch.ts",
        from: "Math.max(ttlMs / 2 - unchangedMs, expiresAt + 1 - now)",
        to: "expiresAt + 1 - now",
      },
    ],
    failing: {
      file: "scenarios/schedule.test.ts",
      name: "lose nothing that was committed: leases",
      says: /taken by \w+ from \w+, which has (just come|renewed in time)/,
      seeds: "1-40",
    },
  },
  {
    name: "L2",
    says: "a lease that was seen unchanged for its time is over, whatever wall clocks say",
    without: [
      {
        file: "lease/watch.ts",
        from: "leftMs = Math.min(leftMs, Math.max(ttlMs / 2 - unchangedMs, expiresAt + 1 - now));",
        to: "leftMs = Math.max(ttlMs / 2 - unchangedMs, expiresAt + 1 - now);",
      },
    ],
    failing: {
      file: "lease/watch.test.ts",
      name: "is over within its time, for a process whose wall clock is an hour behind",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L3",
    says: "a release has a key of its own",
    without: [
      {
        file: "lease/lease-blobs.ts",
        from: "  readonly #folder: string;\n",
        to: "  readonly #folder: string;\n  newest = 1;\n",
      },
      {
        file: "lease/lease-blobs.ts",
        from: "await this.#put(turnName(turn), {",
        to: "this.newest = turn;\n    await this.#put(turnName(turn), {",
      },
      {
        file: "lease/lease-blobs.ts",
        from: "this.#put(RELEASED, { released: true }",
        to: "this.#put(turnName(this.newest), { released: true, expiresAt: 0 }",
      },
      {
        file: "lease/lease-blobs.ts",
        from: "isReleased: names.includes(RELEASED), turn",
        to: "isReleased: (await this.expiresAt(turn, signal)) === 0, turn",
      },
    ],
    failing: {
      file: "lease/renewals.test.ts",
      name: "is not undone by a renewal that takes effect late",
      says: /expected 60 to be \+0/,
    },
  },
  {
    name: "L4",
    says: "each renewal has a key of its own",
    without: [
      { file: "lease/lease-blobs.ts", from: "await this.#put(turnName(turn), {", to: "await this.#put(turnName(1), {" },
      { file: "lease/renewals.ts", from: "await this.#deleteBefore(turn, signal);", to: "" },
      {
        file: "lease/watch.ts",
        from: "const seen =",
        to: "const seen = (turn && (await blobs.expiresAt(turn, signal))) +",
      },
    ],
    failing: {
      file: "lease/watch.test.ts",
      name: "is not over for a process that sees an early renewal take effect once more",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L5",
    says: "a lease that is not stored yet is watched like any other",
    without: [{ file: "lease/watch.ts", from: "if (isReleased ||", to: "if (isReleased || turn === 0 ||" }],
    failing: {
      file: "lease/watch.test.ts",
      name: "is over also when it never came to be stored, and not before its time",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L6",
    says: "a renewal looks behind the number of an append that is pending",
    without: [
      {
        file: "session-writer.ts",
        from: "if (!(await isFound(n)) && this.#isLast(n)) return",
        to: "if (!(await isFound(n))) return",
      },
    ],
    failing: {
      file: "lease/renewals.test.ts",
      name: "tell it also when it was overtaken behind an entry of its own that came late",
      says: /expected undefined to match object \{ code: 'LEASE_LOST' \}/,
    },
  },
  {
    name: "L7",
    says: "renewals come at their time, whatever the one before waits for",
    without: [
      {
        file: "lease/renewals.ts",
        from: "    this.#schedule(began);\n    const { signal }",
        to: "    const { signal }",
      },
      {
        file: "lease/renewals.ts",
        from: "String(error));\n    }",
        to: "String(error));\n    } finally {\n      this.#schedule(NewestProof.now(this.#context.clock));\n    }",
      },
    ],
    failing: {
      file: "lease/renewals.test.ts",
      name: "tell it at their time also while a renewal before waits for the store",
      says: /expected undefined to match object \{ code: 'LEASE_LOST' \}/,
    },
  },
  {
    name: "L8",
    says: "a holder that renews late appends an entry",
    without: [{ file: "lease/renewals.ts", from: "if (isLate) this.#holder.sign().catch(() => {});", to: "" }],
    failing: {
      file: "lease/renewals.test.ts",
      name: "keeps the session from a process that has judged by the one that did not come",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L9",
    says: "a renewal is late by the time since the last one that succeeded was begun",
    without: [
      {
        file: "lease/renewals.ts",
        from: "this.#renewedAt = began;\n      //",
        to: "this.#renewedAt = NewestProof.now(this.#context.clock);\n      //",
      },
    ],
    failing: {
      file: "lease/renewals.test.ts",
      name: "is late by the time since the last one was sent",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L10",
    says: "a renewal looks first whether another holder has come",
    without: [{ file: "lease/renewals.ts", from: "await this.#holder.look(signal);", to: "" }],
    failing: {
      file: "scenarios/schedule.test.ts",
      name: "lose nothing that was committed: leases",
      says: /could have known for \d+ s that epoch \d+ is over/,
      seeds: "455-465",
    },
  },
  {
    name: "L11",
    says: "such a look leaves the entries of its own holder to the commit",
    without: [
      {
        file: "session-writer.ts",
        from: "if (found && n > this.#state.n && !this.#isOwn(found)) this.#leaseLost(found);",
        to: "if (found && n > this.#state.n) this.#leaseLost(found);",
      },
    ],
    failing: {
      file: "lease/renewals.test.ts",
      name: "take no entry of the holder for another one's while it saves",
      says: /expected true to be false/,
    },
  },
  {
    name: "L12",
    says: "a holder that was overtaken sends nothing more",
    without: [{ file: "chunk-writer.ts", from: "    this.#lease.assertHeld();\n", to: "" }],
    failing: {
      file: "lease/renewals.test.ts",
      name: "end the uploads of a save when another process has taken the session",
      says: /expected \d+ to be less than or equal to 2/,
    },
  },
  {
    name: "L13",
    says: "a holder that has ended for certain is not waited for",
    without: [
      {
        file: "lease/watch.ts",
        from: "    if (await context.processes.isGone(lease)) return { isFree: false, keys };\n",
        to: "",
      },
    ],
    failing: {
      file: "scenarios/schedule.test.ts",
      name: "lose nothing that was committed: leases",
      says: /waits for \d+ s for a session that nobody holds/,
      seeds: "1-20",
    },
  },
  {
    name: "L14",
    says: "a hold that was given up is released",
    without: [
      {
        file: "lease/take.ts",
        from: "  if (hold.lease) await new LeaseBlobs(context, session, hold.epoch, hold.lease).release();\n",
        to: "",
      },
    ],
    failing: {
      file: "lease/take.test.ts",
      name: "keeps nobody out: not the vault that sent it, and no other",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L15",
    says: "a vault knows the holds that it has given up",
    without: [{ file: "lease/take.ts", from: "watch?.giveUp(hold);", to: "" }],
    failing: {
      file: "lease/take.test.ts",
      name: "keeps the vault that sent it out of nothing also where the store did not take its release",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L16",
    says: "a new entry is a sign of life as well",
    without: [{ file: "lease/watch.ts", from: "const seen =", to: "const seen = true ? lease.hold + turn :" }],
    failing: {
      file: "lease/watch.test.ts",
      name: "is alive also where only the log shows it",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L17",
    says: "a lease is unchanged from the first answer to the last question",
    without: [{ file: "lease/watch.ts", from: "Math.max(0, asked - this.#since)", to: "answered - this.#since" }],
    failing: {
      file: "lease/watch.test.ts",
      name: "is not over for a process that was stopped during its requests",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L18",
    says: "what was seen stays known between calls",
    without: [{ file: "vault-leases.ts", from: "    this.#watches.set(session, watch);\n", to: "" }],
    failing: {
      file: "lease/watch.test.ts",
      name: "is over also for a process that asks again and again, and never waits",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L19",
    says: "a lease that has ended by the wall clock is watched by a process that may not wait",
    without: [
      { file: "lease/take.ts", from: "Math.max(until - now, overdueMs(held, now - began))", to: "until - now" },
    ],
    failing: {
      file: "lease/watch.test.ts",
      name: "gets the session of a dead host nevertheless, once its lease has ended",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L20",
    says: "nobody is refused by a lease that the next holder has deleted",
    without: [
      {
        file: "lease/take.ts",
        from: "if (state.n === followed || !(await log.readFollower(state.n + 1, signal))) throw",
        to: "throw",
      },
    ],
    failing: {
      file: "lease/take.test.ts",
      name: "is held by nobody also where the next holder deletes the release before it is seen",
      says: /Could not take RemoteAuth-bot: \S+ has held it since/,
    },
  },
  {
    name: "L21",
    says: "`breakLease` breaks the lease that it has read, and no other",
    without: [{ file: "lease/take.ts", from: "breaks?.lease?.hold === state.lease?.hold", to: "breaks" }],
    failing: {
      file: "lease/take.test.ts",
      name: "breaks no lease that came meanwhile",
      says: /promise resolved .* instead of rejecting/,
    },
  },
  {
    name: "L22",
    says: "a prune deletes keys of leases of earlier epochs alone",
    without: [{ file: "lease/sweep.ts", from: "?? epoch) < epoch", to: "?? epoch) <= epoch" }],
    failing: {
      file: "lease/sweep.test.ts",
      name: "a prune deletes what earlier leases have left, and nothing of its own lease",
      says: /to deeply equal \[ …\(3\) \]/,
    },
  },
];
