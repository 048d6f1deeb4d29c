// Copies the files of the status page beside the code that serves them: they are plain files, and need no compiler.
import { cp } from "node:fs/promises";

await cp("cli/serve/page", "dist/cli/serve/page", { recursive: true });
