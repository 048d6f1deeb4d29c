import type { Check } from "./check.ts";
import { installedPackage, isAtLeast, leastOf, ownPackage } from "./package-facts.ts";

/** Baileys under its two names: the newer one of a project counts. */
const BOTS = ["whatsapp-web.js", "baileys", "@whiskeysockets/baileys"];

/** The version of Node, and of every library that this package works with and that is installed. */
export function libraryChecks(folder: string, node: string = process.versions.node): Check[] {
  const { engines, peerDependencies = {} } = ownPackage();
  const leastNode = leastOf(engines?.node ?? "");
  const ofNode: Check = isAtLeast(node, leastNode)
    ? { level: "good", name: "Node.js", found: node }
    : { level: "bad", name: "Node.js", found: `${node}, and ${leastNode} is needed`, todo: "Install a newer Node.js." };
  const found = Object.entries(peerDependencies).flatMap(([name, range]) => {
    const installed = installedPackage(name, folder);
    if (!installed) return [];
    const least = leastOf(range);
    const check: Check = isAtLeast(installed.version, least)
      ? { level: "good", name, found: installed.version }
      : {
          level: "bad",
          name,
          found: `${installed.version}, and ${least} is needed`,
          todo: `Install it: \`npm install ${name}@latest\`.`,
        };
    return [check];
  });
  if (found.some(({ name }) => BOTS.includes(name))) return [ofNode, ...found];
  const none: Check = {
    level: "warning",
    name: "libraries",
    found: `neither whatsapp-web.js nor Baileys is installed in ${folder}`,
    todo: "Run the command in the folder of your bot to have their versions checked.",
  };
  return [ofNode, none, ...found];
}
