#!/usr/bin/env node
import { removeAllTemporary } from "../lib/disk/temporary.ts";
import { run } from "./run.ts";
import { makeWarningsSafe } from "./terminal/process-warnings.ts";

const ended = new AbortController();
let signals = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    signals += 1;
    // The second one does not wait for what the first one has asked for.
    if (signals > 1) {
      leaveNothing();
      process.exit(130);
    }
    ended.abort();
  });
}
process.once("uncaughtExceptionMonitor", leaveNothing);
makeWarningsSafe();
const { stdin, stdout, stderr, env } = process;
// The AWS SDK warns of the Node.js of its next releases, whoever runs it. With this variable of its own it leaves only that out
// (https://github.com/aws/aws-sdk-js-v3/issues/7983).
env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
process.exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, env, signal: ended.signal });

/** Removes temporary files at the exit: behind whoever ends a browser there, which would go on to write. */
function leaveNothing(): void {
  process.once("exit", removeAllTemporary);
}
