// The command in a process of its own, which kills itself at a change of what is stored:
// `kill-child.ts <number of the change> <arguments…>`. Without so many changes it ends as the command does.
import { run } from "../../../cli/run.ts";
import { watchBlobs } from "./blob-calls.ts";

const [at, ...args] = process.argv.slice(2);
let changes = 0;
watchBlobs(({ isChange }) => {
  if (isChange && changes++ === Number(at)) process.kill(process.pid, "SIGKILL");
});
const { stdin, stdout, stderr, env } = process;
process.exitCode = await run(args, { stdin, stdout, stderr, env, signal: new AbortController().signal });
