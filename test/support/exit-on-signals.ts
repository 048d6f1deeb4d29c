/** Makes a signal an exit, so that browsers and folders are removed when the run is interrupted. */
export function exitOnSignals(): void {
  for (const [signal, code] of [
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    process.once(signal, () => process.exit(code));
}
