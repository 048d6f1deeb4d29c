import { whileUsed } from "./while-used.ts";

/** What libsignal writes to the console, with keys behind it, whenever a session begins anew. */
const SAYINGS: ReadonlySet<unknown> = new Set([
  "Closing session:",
  "Opening session:",
  "Removing old closed session:",
  "Closing open session in favor of incoming prekey bundle",
  "Decrypted message with closed session.",
  "Failed to decrypt message with any known session...",
]);

/** Keeps libsignal from the console until the answered function is called. Everything else is still written. */
export const quietLibsignal: () => () => void = whileUsed(() => {
  const undo = (["info", "warn", "error"] as const).map((level) => {
    const original = console[level];
    console[level] = (...words: unknown[]) => {
      if (!SAYINGS.has(words[0]) && !String(words[0]).startsWith("Session error:")) original(...words);
    };
    return () => {
      console[level] = original;
    };
  });
  return () => {
    for (const one of undo) one();
  };
});
