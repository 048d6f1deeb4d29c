import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startWhatsApp, type WhatsAppServer } from "../../test/support/whatsapp-server/server.ts";
import { type BotProcess, type BotRequest, startBot } from "./bot-process.ts";
import type { StateSpec } from "./states.ts";

/** What is measured of each state, in milliseconds each time. */
export const socketSteps = ["set", "get", "receive 1:1", "send 1:1", "send to a group of 20"] as const;
export type SocketStep = (typeof socketSteps)[number];

/** A state, and the name of its row. */
export interface Contender {
  readonly name: string;
  readonly spec: Omit<StateSpec, "session">;
}

/** One figure of each round, by contender. */
export type Rounds = Readonly<Record<string, readonly number[]>>;

export interface CompareOptions {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** How many messages each step of a round has. */
  readonly messages: number;
  /** A name for the sessions that no other comparison on the same servers has. */
  readonly name: string;
  readonly log: (line: string) => void;
}

/** Limit of the sets, and of the gets, of one round. */
const MOST_MS = 1_000;
const SETS = 50;
const MEMBERS = 20;

/** A bot of a contender on a WhatsApp of its own. */
class Side {
  readonly name: string;
  readonly #server: WhatsAppServer;
  readonly #bot: BotProcess;
  readonly #contact: ReturnType<WhatsAppServer["contact"]>;
  readonly #group: ReturnType<WhatsAppServer["addGroup"]>;
  #sent = 0;

  private constructor(name: string, server: WhatsAppServer, bot: BotProcess) {
    this.name = name;
    this.#server = server;
    this.#bot = bot;
    this.#contact = server.contact("5511988887777");
    const members = Array.from({ length: MEMBERS }, (_, index) => server.contact(`55119111110${10 + index}`));
    // To read what comes in would keep the server busier than the bot. Receipts are sent.
    for (const member of members) member.receive = async () => true;
    this.#group = server.addGroup("Many", members);
  }

  static async start({ name, spec }: Contender, session: string): Promise<Side> {
    const server = await startWhatsApp();
    try {
      const bot = await startBot({ ...spec, session }, (qr) => server.phone.link(qr));
      await bot.run({ do: "connect", url: server.url });
      const side = new Side(name, server, bot);
      // The first messages make the sessions. The bot is the first to write: not every state keeps what comes before it.
      for (const step of ["send 1:1", "receive 1:1", "send to a group of 20"] as const) await side.measure(step, 2);
      return side;
    } catch (error) {
      await server.close().catch(() => {});
      throw error;
    }
  }

  /** @returns milliseconds for each time */
  async measure(step: SocketStep, messages: number): Promise<number> {
    switch (step) {
      case "set":
      case "get": {
        const { each = [] } = await this.#bot.run({ do: step, count: SETS, mostMs: MOST_MS });
        return medianOf(each);
      }
      case "receive 1:1":
        return (await this.#receive(messages)) / messages;
      default: {
        const jid = step === "send 1:1" ? this.#contact.pn : this.#group.jid;
        const { ms = Number.NaN } = await this.#bot.run({ do: "send", jid, count: messages });
        return ms / messages;
      }
    }
  }

  /** @returns what went wrong */
  async end(): Promise<string | undefined> {
    await this.#bot.run({ do: "end" });
    await this.#bot.stop();
    await this.#server.close();
    const { retries, unreadable } = this.#server.traffic;
    const reused = this.#server.traffic.reusedCounters();
    return reused.length + unreadable.length + retries.length === 0
      ? undefined
      : `${this.name}: ${reused.length} counters used twice, ${unreadable.length} messages that their contact could not read, ${retries.length} that the bot could not`;
  }

  async #receive(count: number): Promise<number> {
    const from = performance.now();
    const reads: Promise<void>[] = [];
    for (let index = 0; index < count; index++) {
      const sent = await this.#contact.send(`message ${++this.#sent}`);
      reads.push(sent.read());
    }
    await Promise.all(reads);
    return performance.now() - from;
  }
}

/** All contenders with real sockets, each step in turn. One that cannot is left out, and told. */
export async function compareSockets(options: CompareOptions): Promise<Record<SocketStep, Rounds>> {
  const { contenders, rounds, messages, name, log } = options;
  const sides: Side[] = [];
  for (const [index, contender] of contenders.entries()) {
    sides.push(await Side.start(contender, `${name}-${index}`));
    log(`${contender.name} is connected`);
  }
  const figures = Object.fromEntries(
    socketSteps.map((step) => [step, Object.fromEntries(sides.map((side) => [side.name, [] as number[]]))]),
  ) as Record<SocketStep, Record<string, number[]>>;
  for (let round = 0; round < rounds; round++) {
    for (const step of socketSteps) {
      // A B C, then C B A.
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        figures[step][side.name]?.push(await side.measure(step, messages));
      }
    }
    log(`round ${round + 1} of ${rounds} done`);
  }
  for (const side of sides) {
    const wrong = await side.end();
    if (wrong) log(wrong);
  }
  return figures;
}

/** How long it takes to open a state that has so many bytes, and to open it and read some records. */
export interface OpenRounds {
  readonly open: Rounds;
  readonly openAndRead: Rounds;
}

/** @param bytes of records as JSON, that each contender is given first */
export async function compareOpens(options: CompareOptions & { bytes: number }): Promise<OpenRounds> {
  const { contenders, rounds, name, log, bytes } = options;
  const open: Record<string, number[]> = {};
  const openAndRead: Record<string, number[]> = {};
  const once = async (contender: Contender, request: BotRequest): ReturnType<BotProcess["run"]> => {
    const session = `${name}-${contenders.indexOf(contender)}`;
    const bot = await startBot({ ...contender.spec, session }, async () => {});
    try {
      const result = await bot.run(request);
      await bot.run({ do: "end" });
      return result;
    } finally {
      await bot.stop();
    }
  };
  for (const contender of contenders) {
    const { directory } = contender.spec;
    if (directory) await mkdir(join(directory), { recursive: true });
    // It writes all that it has at each set.
    const isOne = contender.spec.kind === "@luoarch/baileys-store-core";
    await once(contender, { do: "fill", bytes, isOne });
    log(`${contender.name} has ${bytes / 1e6} MB`);
    open[contender.name] = [];
    openAndRead[contender.name] = [];
  }
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const { ms = Number.NaN, readMs = Number.NaN } = await once(contender, { do: "open" });
      open[contender.name]?.push(ms);
      openAndRead[contender.name]?.push(readMs);
    }
    log(`round ${round + 1} of ${rounds} done`);
  }
  return { open, openAndRead };
}

export function medianOf(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which this part of all values is. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [low = Number.NaN, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}
