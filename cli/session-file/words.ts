import type { CopyProgress } from "../../lib/copy-session.ts";
import { sizeWords } from "../terminal/words.ts";

const STEPS: Readonly<Record<CopyProgress["step"], string>> = {
  reading: "Reading",
  checking: "Checking",
  writing: "Writing",
  comparing: "Comparing",
};

/** Where a copy is, for a person. */
export function stepWords({ step, session, files, bytes }: CopyProgress): string {
  const sizes = files === undefined || bytes === undefined ? "" : `: ${contentWords({ files, bytes })}`;
  return `${STEPS[step]} ${session}${sizes}`;
}

/** How much a session is: `4 files, 8.2 MB`. */
export function contentWords(
  { files, bytes }: { files: number; bytes: number },
  kind: "profile" | "records" = "profile",
): string {
  const what = kind === "records" ? "record" : "file";
  return `${files} ${what}${files === 1 ? "" : "s"}, ${sizeWords(bytes)}`;
}
