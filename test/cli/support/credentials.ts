import { afterAll, beforeAll } from "vitest";

/** Sets the credentials of an S3 server where the SDK looks them up: in the environment of the process, while a suite runs. */
export function useCredentials(env: Readonly<Record<string, string>>): void {
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
  const before = new Map<string, string | undefined>();
  beforeAll(() => {
    for (const name of names) {
      before.set(name, process.env[name]);
      process.env[name] = env[name];
    }
  });
  afterAll(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}
