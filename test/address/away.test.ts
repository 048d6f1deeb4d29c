import { fork } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { isVaultError } from "../../lib/errors.ts";
import { exitOf } from "../support/child-exit.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { compiled } from "../support/compiled.ts";
import { useFolder } from "../support/folder.ts";
import { type BadNetwork, type Line, type Service, startToxiproxy, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectIn, open, saveIn, session } from "./support/same-session.ts";
import { kinds } from "./support/servers.ts";

const startNetwork = shared(startToxiproxy);

/** Runs the child until it ends by itself. */
async function childOf(address: string, words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const child = fork(compiled(fileURLToPath(new URL("support/child.ts", import.meta.url))), words, {
    env: { ...process.env, ...env, WA_VAULT_STORE: address },
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  // What is open between the processes must not be what keeps the child.
  child.disconnect();
  const [[code, signal], stdout, stderr] = await Promise.all([
    exitOf(child),
    child.stdout ? text(child.stdout) : "",
    child.stderr ? text(child.stderr) : "",
  ]);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  return stdout.trim();
}

for (const kind of kinds) {
  const start = async (): Promise<Service & { network: BadNetwork }> => ({
    ...(await kind.start()),
    network: await startNetwork(),
  });
  await suiteWith(`${kind.name} by its address`, start, (service) => {
    const name = `wa-vault-${unique()}`;
    const env = kind.env?.(service) ?? {};
    const before = { ...process.env };
    let line: Line;
    beforeAll(async () => {
      Object.assign(process.env, env);
      line = await service.network.between(kind.portOf(service));
      await kind.prepare?.(service, name);
    });
    afterEach(() => line.heal());
    afterAll(() => {
      for (const variable of Object.keys(env)) {
        if (before[variable] === undefined) delete process.env[variable];
        else process.env[variable] = before[variable];
      }
    });

    it("that never was there is UNAVAILABLE, and named", async () => {
      const store = await open(kind.addressOf(service, { port: CLOSED_PORT, name }));
      const error = await store.state({ session }).catch((error: unknown) => error);
      expect(isVaultError(error, "UNAVAILABLE"), String(error)).toBe(true);
      const shown = store.address;
      expect(error).toMatchObject({ retryable: true, message: expect.stringContaining(`The store is ${shown}.`) });
      expect(shown).not.toMatch(/:[^*/@]+@/);
      await store.close();
    });

    it("that goes away is UNAVAILABLE, and answers when it is back", async () => {
      const store = await open(kind.addressOf(service, { port: line.port, name }), { retries: 1, retryDelayMs: 50 });
      await saveIn(store, "before");
      await line.cut();
      const calls = [store.state({ session }), store.state({ session }), store.sessions().next()];
      await Promise.all(
        calls.map((call) => expect(call).rejects.toMatchObject({ code: "UNAVAILABLE", message: /The store is / })),
      );
      await line.heal();
      const isBack = async (): Promise<boolean> => store.state({ session }).then(Boolean, () => false);
      await expect.poll(isBack, { timeout: 120_000 }).toBe(true);
      await expectIn(store, "before");
      await saveIn(store, "after");
      await store.close();
    });

    it("that is away at first answers when it is there", async () => {
      await line.cut();
      const store = await open(kind.addressOf(service, { port: line.port, name, isAway: true }), {
        retries: 1,
        retryDelayMs: 50,
      });
      const refused = { code: "UNAVAILABLE", message: expect.stringMatching(/connect|ECONN/) };
      await Promise.all([0, 1].map(() => expect(store.state({ session })).rejects.toMatchObject(refused)));
      await line.heal();
      const answers = async (): Promise<boolean> =>
        store.state({ session }).then(
          () => true,
          () => false,
        );
      await expect.poll(answers, { timeout: 120_000 }).toBe(true);
      await store.close();
    });

    it("ends a call that waits for an answer when it is closed", async () => {
      const store = await open(kind.addressOf(service, { port: line.port, name }));
      await store.state({ session });
      await line.poison({ type: "timeout", attributes: { timeout: 0 } });
      const calls = [store.state({ session }), store.sessions().next()];
      const refused = calls.map((call) =>
        expect(call).rejects.toMatchObject({ code: "CANCELLED", message: `The store ${store.address} was closed.` }),
      );
      await Promise.all([store.close(), store.close()]);
      await Promise.all(refused);
      await expect(store.state({ session })).rejects.toMatchObject({ code: "CANCELLED" });
      await expect(store.acquire({ session })).rejects.toMatchObject({ code: "CANCELLED" });
    });

    it("lets a process end that has closed it, or has never used it", async () => {
      const address = kind.addressOf(service, { port: kind.portOf(service), name });
      expect(await childOf(address, ["save", "close"], env)).toBe("true");
      expect(await childOf(address, [], env)).toBe("false");
    });

    if (kind.name === "S3" || kind.name === "PostgreSQL") {
      it("lets a process end that never closes it", async () => {
        const address = kind.addressOf(service, { port: kind.portOf(service), name });
        expect(await childOf(address, ["save"], env)).toBe("true");
      });
    }
  });
}

describe("a directory by its address", () => {
  const folder = useFolder();

  it("lets a process end, closed or not", async () => {
    const address = `file:${folder()}`;
    expect(await childOf(address, ["save", "close"])).toBe("true");
    expect(await childOf(address, ["save"])).toBe("true");
  });
});

describe("several hosts of MongoDB that are all away", () => {
  it("are UNAVAILABLE, and named", async () => {
    const address = `mongodb://127.0.0.1:${CLOSED_PORT},localhost:${CLOSED_PORT}/db?replicaSet=rs0&serverSelectionTimeoutMS=200`;
    const store = await open(address);
    await expect(store.state({ session })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining(`The store is ${address}.`),
    });
    await store.close();
  });
});
