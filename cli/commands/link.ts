import { type Command, Option } from "commander";
import type { AddressedStore } from "../../address/store-from-url.ts";
import { phoneOfStored } from "../../lib/copy-session/phone.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionState } from "../../lib/store.ts";
import { underLease, untilFree, withWait } from "../change/lease.ts";
import { withReplace } from "../change/replace.ts";
import type { Cli } from "../cli.ts";
import { durationOf, LONGEST_TIMER_MS } from "../duration.ts";
import type { ClientClass } from "../link/browser-run.ts";
import { commandWords, pushWords } from "../link/copied-calls.ts";
import { findBrowser } from "../link/find-browser.ts";
import { mayReplace, otherPhone, refuseStoredMeanwhile, tryStore } from "../link/held-session.ts";
import { linkBaileys } from "../link/link-baileys.ts";
import { type Linked, ProfileLink } from "../link/link-profile.ts";
import { type LinkOptions, type LinkRequest, linkRequest, nameOf } from "../link/link-request.ts";
import { exported, projectLibrary } from "../link/project-library.ts";
import { say } from "../link/say.ts";
import { undoArguments } from "../link/undo-link.ts";
import { withExamples, withStore } from "../options.ts";
import { SESSION } from "../session-argument.ts";
import { quoted } from "../terminal/quoted.ts";
import { wrap } from "../terminal/width.ts";
import { sizeWords } from "../terminal/words.ts";

const BROWSER = "RemoteAuth";
const BAILEYS = "Baileys-";

export function addLink(program: Command, cli: Cli): void {
  const command = withWait(withReplace(withStore(program.command("link"))))
    .summary("Link a phone, and store the session for a bot elsewhere")
    .description("Link a phone here, and store the session for a bot that runs elsewhere.")
    .argument("[session]", SESSION)
    .helpGroup("Link:")
    .option("--session <name>", "the session, in place of the argument")
    .option("--headless", "no window: a QR code in the terminal")
    .option("--pairing-code <phone>", "a code to type on the phone, in place of a QR code; no window")
    .option("--baileys", "a session of Baileys, in place of whatsapp-web.js")
    .option("--browser <path>", "the Chrome, Chromium or Edge to open [env: PUPPETEER_EXECUTABLE_PATH]")
    .option("--device-name <name>", "what the phone shows in its list of linked devices")
    .option("--other-phone", "replace the session of another phone, too")
    .addOption(
      new Option("--timeout <duration>", "how long to wait for the phone")
        .argParser(durationOf("--timeout", { least: 1_000, most: LONGEST_TIMER_MS }))
        .default(600_000, "10min"),
    )
    .option("--no-proof", "do not start a second time from what is stored")
    .option("--invert", "draw the QR code for a light terminal without colours")
    .option("-y, --yes", "answer every question by yes")
    .action((session: string | undefined, options: LinkOptions) => link(cli, session, options));
  withExamples(command, [
    [`link support --store ${quoted("s3://bucket/bots?region=eu-central-1")}`, "in a window: scan, or use the passkey"],
    ["link support --store redis://10.0.0.5 --headless", "over SSH: a QR code in the terminal"],
    ["link support --store file:./sessions --pairing-code +4915112345678", "by a code that is typed on the phone"],
    ["link support --store file:./sessions --baileys", "a bot with Baileys"],
  ]);
}

async function link(cli: Cli, argument: string | undefined, options: LinkOptions): Promise<void> {
  const request = linkRequest(options);
  const name = nameOf(argument, options);
  const store = await cli.store(options);
  const session = await storedName(store, name, options, cli.signal);
  const isBaileys = session.startsWith(BAILEYS);
  // What may be missing here is said before anything is asked or scanned.
  const start = isBaileys
    ? await baileysLink(cli, store, session, request, options)
    : await browserLink(cli, store, session, request, options);
  say(cli, `Checking the store ${store.address}…`);
  await tryStore(store, cli);
  const done = await start();
  if (options.json) return cli.json({ store: store.address, session, ...done.json });
  for (const text of done.lines) for (const line of wrap(text, cli.out.width)) cli.out.line(line);
}

interface Done {
  readonly json: object;
  readonly lines: readonly string[];
}

/** The name in the store: what is stored under the given name decides of which kind it is, then the option. */
async function storedName(
  store: AddressedStore,
  name: string,
  { baileys = false }: LinkOptions,
  signal: AbortSignal,
): Promise<string> {
  if (name.startsWith(BAILEYS)) return name;
  if (name === BROWSER || name.startsWith(`${BROWSER}-`)) {
    if (!baileys) return name;
    throw new VaultError("INVALID", `${name} is the name of a browser's session, and \`--baileys\` was given.`);
  }
  const [browser, records] = [`${BROWSER}-${name}`, BAILEYS + name];
  if (baileys) return records;
  const isStored = async (session: string): Promise<boolean> =>
    (await store.state({ session, signal }))?.current !== undefined;
  return (await isStored(records)) && !(await isStored(browser)) ? records : browser;
}

async function browserLink(
  cli: Cli,
  store: AddressedStore,
  session: string,
  request: LinkRequest,
  options: LinkOptions,
): Promise<() => Promise<Done>> {
  const { module, path } = await projectLibrary("A link in a browser", ["whatsapp-web.js"]);
  const Client = exported<ClientClass>(module, "Client");
  if (Client === undefined) throw new VaultError("INVALID", `${path} is not whatsapp-web.js.`);
  const executablePath = findBrowser({ named: request.browser, env: cli.env, client: path });
  if (!request.headless) mustHaveScreen(cli.env);
  return async () => {
    const { signal } = cli;
    // What a bot saves as it ends is what would be replaced.
    await untilFree(cli, { store, session }, options);
    const known = await store.state({ session, signal });
    refuseRecords(session, known);
    if (known?.current) await mayReplace(cli, session, { kind: "profile", savedAt: known.current.at }, options);
    // Whose it is only the profile tells: it is read before anybody scans anything.
    const stored = known?.current && !options.otherPhone ? await phoneOfStored(store, session, signal) : undefined;
    const refuses = (phone: string | undefined): VaultError | undefined => otherPhone(session, phone, stored, options);
    const refused = refuses(request.phone);
    if (refused) throw refused;
    return await underLease(cli, { store, session }, options, async (lease) => {
      const before = await store.state({ session, signal });
      refuseStoredMeanwhile(session, known, before);
      const clientId = session === BROWSER ? undefined : session.slice(BROWSER.length + 1);
      const held = { vault: store, session, lease, before };
      const linked = await new ProfileLink(cli, held, {
        ...request,
        Client,
        executablePath,
        clientId,
        refuses,
        allowsOtherPhone: options.otherPhone === true,
        pushWords: (dir, replaces) => pushWords(dir, session, replaces, options),
        undoWords: () => commandWords(undoArguments(held), options),
      }).run();
      return profileDone(store, session, clientId, linked, before?.current !== undefined);
    });
  };
}

function profileDone(
  store: AddressedStore,
  session: string,
  clientId: string | undefined,
  { phone, generation, bytes, proven }: Linked,
  replaced: boolean,
): Done {
  const how = proven ? "read back and proven by a second start" : "read back";
  return {
    json: { phone, kind: "profile", generation, bytes, proven, replaced },
    lines: [
      `${session} is linked (${phone}) and stored in ${store.address}: ${sizeWords(bytes)}, ${how}.`,
      `A bot with this store and \`clientId: ${clientId === undefined ? "undefined" : JSON.stringify(clientId)}\` starts without a QR code.`,
    ],
  };
}

async function baileysLink(
  cli: Cli,
  store: AddressedStore,
  session: string,
  request: LinkRequest,
  options: LinkOptions,
): Promise<() => Promise<Done>> {
  const { module } = await projectLibrary("A link with Baileys", ["baileys", "@whiskeysockets/baileys"]);
  return async () => {
    const { phone, replaced } = await linkBaileys(cli, store, session, { ...request, module, options });
    return {
      json: { phone, kind: "records", proven: true, replaced },
      lines: [
        `${session} is linked (${phone}) and stored in ${store.address}, read back.`,
        `A bot with this store and \`session: ${JSON.stringify(session.slice(BAILEYS.length))}\` connects without a QR code.`,
      ],
    };
  };
}

function refuseRecords(session: string, state: SessionState | undefined): void {
  if (state?.kind !== "records") return;
  throw new VaultError("INVALID", `${session} is a session of a bot without a browser.`, {
    hint: "Choose another name.",
  });
}

/** @throws `INVALID` on a Linux without a screen: Chromium would only say that it is missing an X server */
function mustHaveScreen({ DISPLAY, WAYLAND_DISPLAY }: NodeJS.ProcessEnv): void {
  if (process.platform !== "linux" || DISPLAY || WAYLAND_DISPLAY) return;
  throw new VaultError("INVALID", "There is no screen here for a window: DISPLAY is not set.", {
    hint: "`--headless` shows a QR code in the terminal, `--pairing-code <phone>` a code to type. With a passkey a window is needed: run the command on a computer with a screen.",
  });
}
