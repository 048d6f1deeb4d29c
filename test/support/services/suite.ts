import { afterAll, describe, it } from "vitest";
import { ServiceMissing } from "./programs.ts";

const running = new Map<unknown, Promise<unknown>>();

/**
 * The same service for all files of a test worker: it is started by the first file that needs it, and ends with the run.
 * For files that do nothing to the server itself, and keep apart by names of their own (`unique()`).
 */
export function shared<S extends { stop(): Promise<void> }>(start: () => Promise<S>): () => Promise<S> {
  return async () => {
    const starting = running.get(start) ?? start();
    running.set(start, starting);
    // One that did not start is tried again by the next file.
    starting.catch(() => running.delete(start));
    return { ...((await starting) as S), stop: async () => {} };
  };
}

/**
 * A suite that needs a service: starts it, hands it to `body`, which declares the tests, and stops it after them.
 * Where it cannot be had the suite is skipped with one line that says what is missing; with `CI=true` that is a failure.
 * To be awaited at the top of a test file.
 */
export async function suiteWith<S extends { stop(): Promise<void>; readonly way: string }>(
  name: string,
  start: () => Promise<S>,
  body: (service: S) => void,
): Promise<void> {
  let service: S;
  try {
    service = await start();
  } catch (error) {
    // Here and not at the top of the file, so that its other suites run.
    if (!(error instanceof ServiceMissing) || process.env.CI === "true") {
      describe(name, () => {
        it("has its service", () => {
          throw error;
        });
      });
      return;
    }
    console.error(`skipped: ${name}: ${error.message}`);
    describe.skip(`${name} (${error.message})`, () => {
      it("has its service", () => {});
    });
    return;
  }
  describe(`${name} (${service.way})`, () => {
    afterAll(() => service.stop());
    body(service);
  });
}
