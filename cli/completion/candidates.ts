import type { Argument, Command, Option } from "commander";

/** What may stand at the end of a line. */
export interface Candidate {
  readonly word: string;
  /** What it is, in a few words; "" where the word says it. */
  readonly about: string;
}

/** What completes a line. */
export interface Completion {
  /** The beginning of the last word. */
  readonly begun: string;
  readonly candidates: readonly Candidate[];
  /** Set where the name of a session may stand: the store that the line names, if it does. */
  readonly sessionsOf?: { readonly store: string | undefined };
}

/** What may stand at the end of a line that begins with the name of the program. */
export function completionOf(program: Command, line: string): Completion {
  const words = wordsOf(line).slice(1);
  const begun = words.pop() ?? "";
  const command = program.commands.find((one) => words.includes(one.name()) && isFirst(words, one.name()));
  const none: Completion = { begun, candidates: [] };
  if (!command) {
    // A command that is not known has nothing to complete.
    if (words.some((word) => !word.startsWith("-"))) return none;
    const names = program.createHelp().visibleCommands(program);
    const found = begun.startsWith("-")
      ? optionsOf(program, words)
      : names.map((one) => ({ word: one.name(), about: one.summary() || firstSentence(one.description()) }));
    return { begun, candidates: starting(found, begun) };
  }
  const { store, awaited, positions } = read(command, words.slice(words.indexOf(command.name()) + 1));
  // The value of an option: a path, an address, a number.
  if (awaited) return { begun, candidates: starting(choices(awaited), begun) };
  if (begun.startsWith("-")) return { begun, candidates: starting(optionsOf(command, words), begun) };
  const argument = argumentAt(command, positions);
  if (!argument) return none;
  if (/session/.test(argument.name())) return { ...none, sessionsOf: { store } };
  return { begun, candidates: starting(choices(argument), begun) };
}

/** The words of a line as a shell would take them apart, as far as quotes and backslashes go; the last one may be empty. */
export function wordsOf(line: string): string[] {
  const words = [""];
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? "";
    const add = (text: string): void => {
      words.push((words.pop() ?? "") + text);
    };
    if (quote !== "") {
      if (letter === quote) quote = "";
      else add(letter);
    } else if (letter === "'" || letter === '"') quote = letter;
    else if (letter === "\\") add(line[++at] ?? "");
    else if (!/\s/.test(letter)) add(letter);
    else if (words.at(-1) !== "") words.push("");
  }
  return words;
}

/** Whether nothing but options stands before the name of a command. */
function isFirst(words: readonly string[], name: string): boolean {
  return words.slice(0, words.indexOf(name)).every((word) => word.startsWith("-"));
}

/** What the words after a command are: options with values, and arguments. */
function read(
  command: Command,
  words: readonly string[],
): { store: string | undefined; awaited: Option | undefined; positions: number } {
  let [store, awaited, positions]: [string | undefined, Option | undefined, number] = [undefined, undefined, 0];
  for (const word of words) {
    if (awaited) {
      if (awaited.long === "--store") store = word;
      awaited = undefined;
    } else if (word.startsWith("-")) {
      const [name, value] = word.split(/=(.*)/s);
      const option = command.options.find(({ long, short }) => long === name || short === name);
      if (option?.long === "--store" && value !== undefined) store = value;
      if (option && (option.required || option.optional) && value === undefined) awaited = option;
    } else {
      positions++;
    }
  }
  return { store, awaited, positions };
}

function argumentAt({ registeredArguments }: Command, position: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[position] ?? (last?.variadic ? last : undefined);
}

function choices({ argChoices = [] }: Pick<Option, "argChoices">): Candidate[] {
  return argChoices.map((word) => ({ word, about: "" }));
}

/** Options that are not in the line yet. */
function optionsOf(command: Command, words: readonly string[]): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.flatMap(({ long, description }) =>
    long === undefined || words.includes(long) ? [] : [{ word: long, about: firstSentence(description) }],
  );
}

function starting(candidates: readonly Candidate[], begun: string): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(begun));
}

/** Up to the first colon, semicolon or full stop: there is one line for it. */
export function firstSentence(text: string): string {
  return text.split(/[.:;](?:\s|$)/)[0] ?? "";
}
