import type { Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { visibleCommands } from "./support/commands.ts";

// What docs/command.md says of all commands at once: a word means the same in each of them.

const SESSION = "its name, as stored or as in your bot's code";
const NEW_SESSION = "its name in the store";
/** Commands whose session may be one that is not stored yet. */
const NEW = ["import", "push"];
/** `link` stores a new session, or links anew one that is there. */
const EITHER = ["link"];
/** Commands that take the lease of a session. `unlock` ends that of another process, and waits by itself. */
const TAKE = "link import push copy migrate rename rollback delete undelete prune rekey".split(" ");
const REPLACE = "link import push pull export copy migrate".split(" ");
/** `link` acts on a phone, which no dry run can do. */
const CHANGE = "import push pull export copy migrate rename rollback delete undelete prune rekey unlock".split(" ");
const OTHER_PHONE = "link import push copy migrate".split(" ");

const commands = visibleCommands();
const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);
const optionOf = (command: Command, long: string): Option | undefined =>
  optionsOf(command).find((option) => option.long === long);
/** The names of the commands that have an option. */
const having = (long: string): string[] =>
  commands.filter((command) => optionOf(command, long)).map((command) => command.name());
/** What each command with the option says of it. */
const wordsOf = (long: string): Record<string, string> =>
  Object.fromEntries(
    commands.flatMap((command) => {
      const option = optionOf(command, long);
      return option ? [[command.name(), `${option.flags}: ${option.description}`]] : [];
    }),
  );
const sorted = (names: readonly string[]): string[] => [...names].sort();

describe("the arguments and options of the commands", () => {
  it.each(commands.map((command) => [command.name(), command] as const))(
    "%s says of a session what all say",
    (name, command) => {
      const sessions = command.registeredArguments.filter((argument) => argument.name() === "session");
      for (const { description } of sessions) {
        if (NEW.includes(name)) expect(description).toMatch(new RegExp(`^${NEW_SESSION}`));
        else if (EITHER.includes(name)) expect([SESSION, NEW_SESSION]).toContain(description);
        else expect(description).toBe(SESSION);
      }
      const renamed = command.registeredArguments.filter((argument) => argument.name() === "new");
      expect(renamed.map(({ description }) => description)).toEqual(name === "rename" ? [NEW_SESSION] : []);
    },
  );

  it("have --form for the form of something outside of a store", () => {
    expect(sorted(having("--form"))).toEqual(["migrate", "pull"]);
    for (const words of Object.values(wordsOf("--form"))) expect(words).toMatch(/^--form <form>: /);
  });

  it("have --as for the name at the other place", () => {
    expect(sorted(having("--as"))).toEqual(["copy", "migrate"]);
    for (const words of Object.values(wordsOf("--as"))) expect(words).toMatch(/^--as <name>: its name in the store/);
  });

  it("have no --from: what is read is an argument, or a variable", () => {
    expect(having("--from")).toEqual([]);
  });

  it("have --all, and -a, for all sessions, and no other -a", () => {
    expect(sorted(having("--all"))).toEqual(["copy", "ls", "rekey"]);
    for (const [name, words] of Object.entries(wordsOf("--all"))) {
      expect(words).toMatch(name === "ls" ? /^-a, --all: all names/ : /^-a, --all: all sessions/);
    }
    for (const command of commands) {
      for (const { short, long } of optionsOf(command)) if (short === "-a") expect(long).toBe("--all");
    }
  });

  it("have --history for what is not current any more", () => {
    expect(sorted(having("--history"))).toEqual(["show", "verify"]);
    for (const words of Object.values(wordsOf("--history"))) expect(words).toMatch(/^--history: also every /);
  });

  it("have --replace where something may be replaced, in the same words", () => {
    expect(sorted(having("--replace"))).toEqual(sorted(REPLACE));
    const words = new Set(Object.values(wordsOf("--replace")));
    expect([...words]).toEqual(["--replace: replace what is there, without a question"]);
    for (const name of REPLACE) expect(having("--yes")).toContain(name);
  });

  it("have --yes and --dry-run in the same words", () => {
    expect(sorted(having("--yes"))).toEqual(sorted([...CHANGE, "link"]));
    expect(sorted(having("--dry-run"))).toEqual(sorted(CHANGE));
    for (const long of ["--yes", "--dry-run"]) expect(new Set(Object.values(wordsOf(long))).size).toBe(1);
  });

  it("have --wait where they take a session, in the same words", () => {
    expect(sorted(having("--wait"))).toEqual(sorted(TAKE));
    expect(new Set(Object.values(wordsOf("--wait"))).size).toBe(1);
  });

  it("have --other-phone where a session of another phone may be replaced", () => {
    expect(having("--other-phone")).toEqual(expect.arrayContaining(OTHER_PHONE));
  });

  it("have --generation <number> where an older one is read; rollback has it as an argument", () => {
    expect(sorted(having("--generation"))).toEqual(["export", "pull"]);
    for (const words of Object.values(wordsOf("--generation"))) expect(words).toMatch(/^--generation <number>: /);
    const rollback = commands.find((command) => command.name() === "rollback");
    expect(rollback?.registeredArguments.map((argument) => argument.name())).toEqual(["session", "generation"]);
  });

  it("have durations as <duration>, and no value of a session or a key", () => {
    for (const long of ["--wait", "--retain", "--timeout", "--every", "--older-than"]) {
      expect(having(long).length, long).toBeGreaterThan(0);
      for (const words of Object.values(wordsOf(long))) expect(words).toContain(`${long} <duration>`);
    }
  });

  it("have --store and --json in the same words", () => {
    for (const long of ["--store", "--json"]) expect(new Set(Object.values(wordsOf(long))).size).toBe(1);
  });
});
