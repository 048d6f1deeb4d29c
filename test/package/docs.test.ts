import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const docs = join(root, "docs");

/** Texts that people read in the repository; those of the API reference are made. */
const pages = [
  ...["README.md", "CONTRIBUTING.md", "lib/vault/FORMAT.md"].map((path) => join(root, path)),
  ...readdirSync(docs, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.startsWith("api/"))
    .map((name) => join(docs, name)),
];

interface Link {
  readonly text: string;
  /** The file that it leads to. */
  readonly target: string;
  readonly heading: string | undefined;
}

/** The links of a page that lead to a file, or a heading, of the repository. */
function linksOf(page: string): Link[] {
  // A link in code is none.
  const text = readFileSync(page, "utf8").replace(/^```.*?^```/gms, "");
  return [...text.matchAll(/\[([^\]]*)\]\(([^)\s]*)\)/g)].flatMap(([, label = "", address = ""]) => {
    if (/^[a-z]+:/.test(address)) return [];
    const [path = "", heading] = address.split("#");
    return [{ text: label, target: path === "" ? page : join(dirname(page), path), heading }];
  });
}

/** The anchors that a page has for its headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(page, "utf8").replace(/^```.*?^```/gms, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("docs/README.md", () => {
  const index = join(docs, "README.md");
  const listed = linksOf(index).map(({ target }) => relative(docs, target));

  it("lists each document once, with a line of its own", () => {
    const documents = readdirSync(docs).filter((name) => name.endsWith(".md") && name !== "README.md");
    for (const name of documents)
      expect(
        listed.filter((one) => one === name),
        `docs/${name}`,
      ).toEqual([name]);
    const lines = readFileSync(index, "utf8").split("\n");
    for (const line of lines.filter((one) => one.startsWith("- "))) expect(line).toMatch(/^- \[[^\]]+\]\([^)]+\): \S/);
  });

  it("calls each document by its title", () => {
    for (const { text, target } of linksOf(index)) {
      if (dirname(target) !== docs) continue;
      expect(text).toBe(/^# (.*)$/m.exec(readFileSync(target, "utf8"))?.[1]);
    }
  });

  it("is linked from the README", () => {
    expect(linksOf(join(root, "README.md")).map(({ target }) => target)).toContain(index);
  });
});

it.each(pages.map((page) => [relative(root, page), page]))("each link of %s leads somewhere", (_, page) => {
  for (const { target, heading } of linksOf(page)) {
    expect(existsSync(target), `${target} is there`).toBe(true);
    if (heading !== undefined && heading !== "") expect(anchorsOf(target), target).toContain(heading);
  }
});
