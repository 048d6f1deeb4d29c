#!/usr/bin/env node
import { run } from "./run.ts";

const ended = new AbortController();
let signals = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    signals += 1;
    // The second one does not wait for what the first one has asked for.
    if (signals > 1) process.exit(130);
    ended.abort();
  });
}
const { stdin, stdout, stderr, env } = process;
process.exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, env, signal: ended.signal });
