import { globOf, KEYS_PER_PAGE, toVaultError, type Wire } from "../../adapters/redis/wire.ts";
import { isVaultError } from "../errors.ts";

/** Where the keys of a session are. */
export interface RedisPlace {
  readonly wire: Wire;
  readonly uuid: string;
  readonly prefix: string;
}

/** The keys of a session in Redis, `<prefix>:<uuid>:<name>`, by name. Errors are `VaultError`s. */
export class RedisKeys {
  readonly uuid: string;
  /** Whether all keys are on one server, whichever names they have: not in a Cluster, unless the prefix has a hash tag. */
  readonly areTogether: boolean;
  readonly #wire: Wire;
  readonly #base: string;

  constructor({ wire, uuid, prefix }: RedisPlace) {
    this.uuid = uuid;
    this.#wire = wire;
    this.#base = `${prefix}:${uuid}:`;
    this.areTogether = !wire.isCluster || hasHashTag(wire.keyPrefix + this.#base);
  }

  /** The whole key. */
  at(name: string): string {
    return this.#base + name;
  }

  async get(name: string): Promise<Buffer | undefined> {
    return (await call("get", () => this.#wire.get(this.at(name)))) ?? undefined;
  }

  /** Sends one command about the key of this name. */
  async send(name: string, command: unknown[]): Promise<unknown> {
    const [reply] = await call(String(command[0]), () => this.#wire.multi(this.at(name), [command]));
    return reply;
  }

  /** Sends commands about keys that are together, as one. @param what named in errors */
  async sendAsOne(what: string, commands: unknown[][]): Promise<void> {
    if (commands.length > 0) await call(what, () => this.#wire.multi(this.#base, commands));
  }

  /** Sends one command about each of these keys: as one where they are together. @param what named in errors */
  async sendEach(what: string, names: readonly string[], command: (name: string) => unknown[]): Promise<void> {
    if (this.areTogether) await this.sendAsOne(what, names.map(command));
    else await Promise.all(names.map((name) => this.send(name, command(name))));
  }

  /** The names of all keys, in steps; a name may come twice. */
  async *pages(): AsyncGenerator<string[]> {
    // The client of a Cluster knows the servers once it has an answer.
    await this.get("");
    const pages = this.#wire.scan(`${globOf(this.#base)}*`)[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await call("scan", () => pages.next());
      if (done) return;
      yield value.map((key) => key.slice(this.#base.length));
    }
  }

  /** `INFO memory` of each server. */
  async info(): Promise<string[]> {
    return await call("info", () => this.#wire.info());
  }
}

/** Commands that delete these keys, which are together. */
export function unlinkAll(keys: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(keys.length / KEYS_PER_PAGE) }, (_, page) => [
    "unlink",
    ...keys.slice(page * KEYS_PER_PAGE, (page + 1) * KEYS_PER_PAGE),
  ]);
}

/** Whether a part of the key alone decides in which slot of a Cluster it is. */
function hasHashTag(key: string): boolean {
  const start = key.indexOf("{");
  return start !== -1 && key.indexOf("}", start) > start + 1;
}

async function call<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isVaultError(error) ? error : toVaultError(what, error);
  }
}
