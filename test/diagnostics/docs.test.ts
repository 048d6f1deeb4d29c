import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EVENTS } from "./support/listen.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const source = read("lib/diagnostics/events.ts");

/** The fields of an interface, without those of every message. */
function fieldsOf(name: string): string[] {
  const [, base, body = ""] =
    new RegExp(`interface ${name}(?: extends (\\w+))? \\{(.*?)\\n\\}`, "s").exec(source) ?? [];
  const own = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field = ""]) => field);
  const all = base === undefined ? own : [...fieldsOf(base), ...own];
  return all.filter((field) => field !== "session" && field !== "store");
}

it("docs/observability.md has a row for each channel, with each field of its message", () => {
  const page = read("docs/observability.md");
  const rows = [...page.matchAll(/^\| `(wa-vault:\w+)` \|[^|]*\|([^|]*)\|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(EVENTS);
  for (const [, name, fields = ""] of rows) {
    const [, type = ""] = new RegExp(`"${name}": (\\w+);`).exec(source) ?? [];
    const told = [...fields.replace(/\([^)]*\)/g, "").matchAll(/`(\w+)`/g)].map(([, field]) => field);
    expect(told.sort(), name).toEqual(fieldsOf(type).sort());
  }
});

it("docs/observability.md names every operation of an error", () => {
  const [, words = ""] = /type Operation =(.*?);/s.exec(source) ?? [];
  const page = read("docs/observability.md");
  for (const [, operation] of words.matchAll(/"(\w+)"/g)) expect(page).toContain(`\`${operation}\``);
});
