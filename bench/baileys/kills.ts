import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startWhatsApp, type WhatsAppServer } from "../../test/support/whatsapp-server/server.ts";
import { compiledScript } from "./bot-process.ts";
import type { Contender } from "./compare.ts";
import type { KillNews, KillSpec } from "./kill-spec.ts";

/** What a state has lost. */
export interface Losses {
  readonly rounds: number;
  /** Messages that were sent, and sets of the counter that were told to be stored. */
  readonly messages: number;
  readonly sets: number;
  /** How many times a set was gone that had resolved. */
  readonly lostSets: number;
  /** Files that were no JSON after a kill. */
  readonly tornFiles: number;
  /** Messages at a place of a sending chain at which another one had been sent. */
  readonly reusedCounters: number;
  /** Messages of the bot that one whom they were for could not read. */
  readonly unreadable: number;
  /** Messages to the bot that it could not read, and asked for again. */
  readonly retries: number;
  /** How many times a linked device asked for a new link. */
  readonly pairedAgain: number;
  /** Why a process has ended that nobody has killed. */
  readonly ended: readonly string[];
}

/** A process that is not connected by then has met something that it cannot go on from. */
const CONNECTED_WITHIN_MS = 30_000;
const LONGEST_LIFE_MS = 800;
const TWO_LIVE_MS = 8_000;
/** Messages of the contact in each life. */
const ANSWERS = 3;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Kills at random moments that are the same for all contenders. */
const random = (seed: number): number => Math.abs(Math.sin(seed * 12.9898) * 43_758.5453) % 1;

/** One state, whose bots live and are killed one after the other. */
class Victim {
  readonly #spec: KillSpec;
  readonly #server: WhatsAppServer;
  readonly #contact: ReturnType<WhatsAppServer["contact"]>;
  #stored = 0;
  #sets = 0;
  #lostSets = 0;
  readonly #tornFiles = new Set<string>();
  #isLinked = false;
  /** Whether contact and bot have a session. */
  #isKnown = false;
  #pairedAgain = 0;
  readonly #ended: string[] = [];

  constructor({ spec }: Contender, session: string, server: WhatsAppServer) {
    this.#server = server;
    this.#contact = server.contact("5511988887777");
    const group = server.addGroup("Some", [this.#contact, server.contact("5511977776666")]);
    this.#spec = { state: { ...spec, session }, url: server.url, jids: [this.#contact.pn, group.jid] };
  }

  /** A process connects, sends, and is killed. @param lifeMs how long after it is connected */
  async liveAndDie(lifeMs: number): Promise<void> {
    await this.liveAndDieAfter(async () => {
      await this.#answer();
      await sleep(lifeMs);
    });
  }

  /** One process does what many would, and is killed once. */
  async liveLong(rounds: number): Promise<void> {
    await this.liveAndDieAfter(async () => {
      for (let round = 0; round < rounds; round++) {
        await this.#answer();
        await sleep(random(round + 1) * LONGEST_LIFE_MS);
      }
    });
  }

  async liveAndDieAfter(work: () => Promise<void>): Promise<void> {
    const { child, connected, exited } = this.#start();
    await Promise.race([connected, exited, sleep(CONNECTED_WITHIN_MS, undefined, { ref: false })]);
    if (!this.#isKnown) await this.#introduce(exited);
    if (child.connected) child.send("go");
    await work();
    child.kill("SIGKILL");
    await exited;
    this.#findTornFiles();
  }

  async #answer(): Promise<void> {
    for (let index = 0; index < ANSWERS; index++) await this.#contact.send(`answer ${index}`).catch(() => {});
  }

  /** The contact is the first to write: two sides that begin a session at once can lose what they write. */
  async #introduce(exited: Promise<unknown>): Promise<void> {
    this.#isKnown = true;
    const sent = await this.#contact.send("hello");
    await Promise.race([sent.read().catch(() => {}), exited]);
  }

  /** Two processes on one state, that both go on whatever happens. */
  async liveTwice(): Promise<void> {
    const first = this.#start();
    await Promise.race([first.connected, first.exited]);
    if (first.child.connected) first.child.send("go");
    const second = this.#start();
    void second.connected.then(() => second.child.send("go"));
    await sleep(TWO_LIVE_MS);
    for (const { child } of [first, second]) child.kill("SIGKILL");
    await Promise.all([first.exited, second.exited]);
  }

  losses(rounds: number): Losses {
    const { sent, unreadable, retries } = this.#server.traffic;
    return {
      rounds,
      messages: new Set(sent.map(({ messageId }) => messageId)).size,
      sets: this.#sets,
      lostSets: this.#lostSets,
      tornFiles: this.#tornFiles.size,
      reusedCounters: this.#server.traffic.reusedCounters().length,
      unreadable: new Set(unreadable.map(({ messageId }) => messageId)).size,
      retries: new Set(retries).size,
      pairedAgain: this.#pairedAgain,
      ended: this.#ended,
    };
  }

  #start(): { child: ChildProcess; connected: Promise<unknown>; exited: Promise<unknown> } {
    const script = compiledScript("kill-worker.ts");
    const child = fork(script, [JSON.stringify(this.#spec)], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    running.add(child);
    const exited = once(child, "exit").finally(() => running.delete(child));
    const connected = new Promise<void>((resolve) => {
      child.on("message", (news: KillNews) => {
        if ("connected" in news) resolve();
        else this.#hear(news);
      });
    });
    return { child, connected, exited };
  }

  #hear(news: KillNews): void {
    if ("qr" in news) {
      // A code that is not shown any more is of a process that was killed.
      this.#server.phone.link(news.qr).then(
        () => {
          this.#isLinked = true;
        },
        () => {},
      );
    } else if ("found" in news) {
      if (news.found < this.#stored) this.#lostSets++;
      this.#stored = news.found;
      if (this.#isLinked && !news.isLinked) this.#pairedAgain++;
    } else if ("stored" in news) {
      this.#stored = Math.max(this.#stored, news.stored);
      this.#sets++;
    } else if ("ended" in news) {
      this.#ended.push(news.ended);
    }
  }

  /** Files that can be read again in no way; each once, for as long as nobody writes to it. */
  #findTornFiles(): void {
    const { directory, session, kind } = this.#spec.state;
    if (!directory || !kind.startsWith("useMultiFileAuthState")) return;
    const folder = join(directory, session);
    for (const name of readdirSync(folder).filter((one) => one.endsWith(".json"))) {
      const file = join(folder, name);
      if (!isJson(readFileSync(file, "utf8"))) this.#tornFiles.add(`${name} ${statSync(file).mtimeMs}`);
    }
  }
}

/** Kills the bot of a contender so many times. */
export function killRounds(contender: Contender, session: string, rounds: number): Promise<Losses> {
  return observe(contender, session, async (victim) => {
    for (let round = 0; round < rounds; round++) await victim.liveAndDie(random(round + 1) * LONGEST_LIFE_MS);
    return rounds;
  });
}

/** The same traffic in one process: what goes wrong here is not the work of a kill. */
export function withoutKills(contender: Contender, session: string, rounds: number): Promise<Losses> {
  return observe(contender, session, async (victim) => {
    await victim.liveLong(rounds);
    return 1;
  });
}

/** Lets two processes run on the state of a contender at once. */
export function twoAtOnce(contender: Contender, session: string): Promise<Losses> {
  return observe(contender, session, async (victim) => {
    // Links the device.
    await victim.liveAndDie(LONGEST_LIFE_MS);
    await victim.liveTwice();
    return 1;
  });
}

async function observe(
  contender: Contender,
  session: string,
  live: (victim: Victim) => Promise<number>,
): Promise<Losses> {
  const server = await startWhatsApp();
  try {
    const victim = new Victim(contender, session, server);
    return victim.losses(await live(victim));
  } finally {
    await server.close().catch(() => {});
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
