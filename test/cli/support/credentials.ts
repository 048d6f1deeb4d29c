import { afterAll, beforeAll } from "vitest";

/** Sets variables where libraries look them up, in the environment of the process, while a suite runs. */
export function useEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const before = new Map<string, string | undefined>();
  beforeAll(() => {
    for (const [name, value] of Object.entries(env)) {
      before.set(name, process.env[name]);
      process.env[name] = value;
    }
  });
  afterAll(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** As {@link useEnvironment}, of the credentials of an S3 server. */
export function useCredentials({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: Readonly<Record<string, string>>): void {
  useEnvironment({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
}
