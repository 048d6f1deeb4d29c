import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { LEASE_RULES } from "./lease-rules.ts";
import { LOG_RULES } from "./log-rules.ts";
import { RECORD_RULES } from "./record-rules.ts";
import type { Rule, TextChange } from "./rule.ts";

const VAULT = fileURLToPath(new URL("../../../../lib/vault/", import.meta.url));

/** Every rule of the protocol that can be taken away from the code. */
export const RULES: readonly Rule[] = [...LOG_RULES, ...LEASE_RULES, ...RECORD_RULES];

/** Loads the code of the vault without the rule of this name, as `WA_VAULT_WITHOUT=L3` asks for it. */
export function takeAway(name: string): Plugin {
  const rule = RULES.find((one) => one.name === name);
  if (!rule) throw new Error(`There is no rule ${name}.`);
  return {
    name: "take-away",
    enforce: "pre",
    transform(code, id) {
      const changes = rule.without.filter(({ file }) => id === join(VAULT, file));
      return changes.length === 0 ? undefined : changes.reduce(changed, code);
    },
  };
}

/** The source of a file with this change. @throws when what it replaces does not stand there once */
export function changed(source: string, { file, from, to }: TextChange): string {
  const [before, after, ...more] = source.split(from);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(
      `"${from}" stands ${more.length === 0 ? "nowhere" : "more than once"} in ${join("lib/vault", file)}.`,
    );
  return before + to + after;
}

/** The source of a file. @param file its path from `lib/vault` */
export function sourceOf(file: string): string {
  return readFileSync(join(VAULT, file), "utf8");
}
