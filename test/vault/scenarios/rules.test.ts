import { describe, expect, it } from "vitest";
import { onlyLong } from "../../support/length.ts";
import { failuresWithout } from "../support/rules/failures-without.ts";
import { changed, RULES, sourceOf } from "../support/rules/take-away.ts";

describe.each(RULES)("rule $name, $says", (rule) => {
  it("can be taken away from the code", () => {
    for (const change of rule.without) expect(changed(sourceOf(change.file), change)).not.toBe(sourceOf(change.file));
  });

  it("has its name in FORMAT.md", () => {
    expect(sourceOf("FORMAT.md")).toMatch(
      new RegExp(rule.name.startsWith("L") ? `\\b${rule.name}\\b` : `rule ${rule.name}\\b`),
    );
  });

  it.each(onlyLong(rule.failing))("is missed by: $name", async ({ says }) => {
    const failures = await failuresWithout(rule);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(says);
  });
});
