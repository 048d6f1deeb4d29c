import { invalidOption, VaultError } from "../errors.ts";
import type { BaileysModule } from "./types.ts";

/** The packages that Baileys is published as, in the order in which they are looked for. */
const PACKAGES = ["baileys", "@whiskeysockets/baileys"];

/**
 * The Baileys that the bot uses: the one it was given, else the one that is installed. It is asked for new credentials and
 * for protobuf messages only.
 * @throws `INVALID` when none is installed, or what was given is not Baileys
 */
export async function loadBaileys(given?: unknown): Promise<BaileysModule> {
  if (given !== undefined) return partsOf(given) ?? refuse(given);
  const failures: unknown[] = [];
  for (const name of PACKAGES) {
    try {
      const parts = partsOf(await import(name));
      if (parts) return parts;
    } catch (error) {
      failures.push(error);
    }
  }
  const cause = failures.find((error) => Reflect.get(Object(error), "code") !== "ERR_MODULE_NOT_FOUND") ?? failures[0];
  throw new VaultError("INVALID", `Could not load Baileys: none of ${PACKAGES.join(", ")} could be imported.`, {
    cause,
    hint: "Run `npm install baileys`, or give a fork of it as the option `baileys`.",
  });
}

/** @throws `INVALID` when this Baileys cannot encode and decode messages */
export function assertMessages({ proto: { Message } }: BaileysModule): void {
  if (typeof Message.encode === "function" && typeof Message.decode === "function") return;
  throw new VaultError(
    "INVALID",
    "Could not keep messages: `proto.Message` of this Baileys cannot encode and decode them.",
    {
      hint: "Leave `messageStore` out, or give a Baileys as the option `baileys` whose `proto.Message` has `encode` and `decode`.",
    },
  );
}

/** A module has them by name; `require` of Node, and some bundlers, put them into `default`. */
function partsOf(module: unknown): BaileysModule | undefined {
  return [module, Reflect.get(Object(module), "default")].find(isBaileys);
}

function isBaileys(module: unknown): module is BaileysModule {
  const { initAuthCreds, proto } = Object(module) as Partial<BaileysModule>;
  return typeof initAuthCreds === "function" && typeof proto?.Message?.AppStateSyncKeyData?.fromObject === "function";
}

function refuse(given: unknown): never {
  throw invalidOption("baileys", "the module of Baileys, with `initAuthCreds` and `proto`", given);
}
