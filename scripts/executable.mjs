// Lets the files named on the command line be run: `chmod +x` that also runs on Windows.
import { chmod } from "node:fs/promises";

for (const file of process.argv.slice(2)) await chmod(file, 0o755);
