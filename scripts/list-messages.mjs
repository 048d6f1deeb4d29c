// Writes the list of all messages at the end of docs/troubleshooting.md, from the source: `npm run messages`. A person
// looks for the message that a bot has printed; what differs each time is `…`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "docs/troubleshooting.md");
const HEADING = "## Every message\n";
/** A text of the source, in quotes or backticks. */
const TEXT = /`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/.source;

/** @returns {{ kind: string, text: string }[]} the messages in a file: codes of errors, or "warning" */
export function messagesIn(source) {
  const errors = source.matchAll(new RegExp(`new VaultError\\(\\s*"([A-Z_]+)",\\s*(${TEXT}|\\w+)`, "g"));
  const warnings = source.matchAll(new RegExp(`\\b(?:onWarning|warn)\\(\\s*(${TEXT})`, "g"));
  return [
    ...[...errors].map(({ index, 1: kind, 2: given }) => ({ kind, text: textOf(given, source.slice(0, index)) })),
    ...[...warnings].map(([, given]) => ({ kind: "warning", text: textOf(given, "") })),
  ].filter(({ text }) => /[a-z]{2}/.test(text));
}

/** The text itself, or that of the variable, as the code before has it. */
function textOf(given, before) {
  if (/^[`"]/.test(given)) return withoutValues(given.slice(1, -1));
  const made = [...before.matchAll(new RegExp(`\\b(?:const|let) ${given}(?:: \\w+)? =\\s*(${TEXT})`, "g"))].at(-1);
  return made ? withoutValues(made[1].slice(1, -1)) : "";
}

/** A value becomes `…`, also with braces inside; a value that holds a text ends the message. */
function withoutValues(text) {
  return text
    .replace(/\$\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, "…")
    .replace(/\$\{.*$/s, "…")
    .replaceAll("\\`", "`")
    .replaceAll('\\"', '"')
    .replaceAll(/\s+/g, " ");
}

/** @returns {string} the section, as it should be */
export function messageList() {
  const kinds = new Map();
  for (const folder of ["lib", "adapters", "address"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      for (const { kind, text } of messagesIn(readFileSync(join(root, folder, name), "utf8"))) {
        kinds.set(kind, (kinds.get(kind) ?? new Set()).add(text));
      }
    }
  }
  const sections = [...kinds]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, texts]) => {
      const title = kind === "warning" ? "Warnings" : `\`${kind}\``;
      return `### ${title}\n\n${[...texts]
        .sort()
        .map((text) => `- ${shown(text)}`)
        .join("\n")}\n`;
    });
  const intro =
    "By code, for a search; `…` stands for what differs each time. What to do is in the `hint` of the error and in the\n" +
    "tables above. `npm run messages` writes this list from the source.\n";
  return `${HEADING}\n${intro}\n${sections.join("\n")}`;
}

/** As code, with a fence that the text does not hold. */
function shown(text) {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** @returns {{ written: string, page: string }} the section as it is, and the page before it */
export function writtenList() {
  const text = readFileSync(page, "utf8");
  const at = text.indexOf(HEADING);
  return at < 0 ? { written: "", page: `${text.trimEnd()}\n\n` } : { written: text.slice(at), page: text.slice(0, at) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, writtenList().page + messageList());
