import { VaultError } from "../lib/errors.ts";
import { isNear, NearestNames } from "../lib/nearest-names.ts";

/** Names of parameters whose values nobody may see, and those of them whose values are paths of files. */
const SECRET = /pass|pwd|secret|token|credential|api.?key|access.?key|signature|^key$|^auth$/i;
const PATH = /(?:file|path)$/i;
/** Values that have a secret in them under a name that does not say so, as `authMechanismProperties` may. */
const SECRET_VALUE = /(?:token|secret|password)\s*[:=]/i;
const LONGEST_NAME = 40;

/** The parameters of an address: what stands behind its `?`. */
export class Parameters {
  /** As they were given, without the values that are secret. "" where there are none. */
  readonly shown: string;
  /** The values that nobody may see. */
  readonly secrets: readonly string[];
  readonly hasSecret: boolean;
  readonly #pairs: readonly (readonly [name: string, value: string])[];

  /** @param query what stands behind the `?` */
  constructor(query: string) {
    this.#pairs = [...new URLSearchParams(query)];
    const hidden = this.#pairs.filter(isSecret);
    this.hasSecret = hidden.length > 0;
    this.secrets = hidden.map(([, value]) => value).filter((value) => value !== "");
    const parts = this.#pairs.map((pair) => `${encode(pair[0])}=${isSecret(pair) ? "***" : encode(pair[1])}`);
    this.shown = parts.length === 0 ? "" : `?${parts.join("&")}`;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The value of a parameter; its name may be written in capitals, as MongoDB allows. */
  get(name: string): string | undefined {
    return this.#pairs.find(([one]) => isSame(one, name))?.[1];
  }

  /** @throws `INVALID` when the value is neither true nor false */
  boolean(name: string): boolean | undefined {
    const value = this.oneOf(name, ["true", "false"]);
    return value === undefined ? undefined : value === "true";
  }

  /** @throws `INVALID` when the value is no whole number, or less than `least` */
  number(name: string, least: number): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (/^\d{1,15}$/.test(value) && Number(value) >= least) return Number(value);
    throw new VaultError("INVALID", `Expected \`${name}\` of the address to be a whole number of at least ${least}.`);
  }

  /** @throws `INVALID` when the value is none of these */
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    const found = values.find((one) => one === value);
    if (found !== undefined) return found;
    throw new VaultError("INVALID", `Expected \`${name}\` of the address to be ${values.join(" or ")}.`);
  }

  /** As the text behind a `?`, without the parameters that are ours. */
  without(ours: readonly string[]): string {
    const others = this.#pairs.filter(([one]) => !ours.some((name) => isSame(one, name)));
    return others.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  }

  /**
   * @param known names that may occur. @param several those of them that may occur several times
   * @throws `INVALID` when there is another one, naming the nearest; when one is empty, or there twice
   */
  refuseOthers(shown: string, known: readonly string[], several: readonly string[] = []): void {
    const seen = new Set<string>();
    for (const [name, value] of this.#pairs) {
      const found = known.find((one) => isSame(one, name));
      if (found === undefined) throw unknown(shown, name, known);
      if (value === "") throw new VaultError("INVALID", `${shown} has a parameter without a value: \`${found}\`.`);
      if (seen.has(found) && !several.includes(found)) {
        throw new VaultError("INVALID", `${shown} has the parameter \`${found}\` twice.`, {
          hint: "Remove one of them.",
        });
      }
      seen.add(found);
    }
  }
}

/** A part of an address without its percent-encoding. @throws `INVALID` when a `%` in it begins none */
export function decoded(part: string, what: string, scheme: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new VaultError(
      "INVALID",
      `The ${what} in the address of the store (\`${scheme}:\`) has a \`%\` that encodes nothing.`,
      {
        hint: "Write a `%` itself as `%25`.",
      },
    );
  }
}

function unknown(shown: string, name: string, known: readonly string[]): VaultError {
  const nearest = new NearestNames(name, 1);
  for (const one of known) nearest.add(one);
  const [near] = nearest.names;
  const meant = near !== undefined && isNear(name, near) ? `\`${near}\` is meant? ` : "";
  const takes = known.length === 0 ? "It takes none." : `It takes ${known.map((one) => `\`${one}\``).join(", ")}.`;
  const said = name.slice(0, LONGEST_NAME);
  // Without the values: that of a misspelt `password` is one.
  const address = shown.replace(/\?.*$/s, "");
  return new VaultError("INVALID", `${address} has a parameter that is not known: \`${said}\`.`, {
    hint: `${meant}${takes}`,
  });
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function isSecret([name, value]: readonly [string, string]): boolean {
  return (SECRET.test(name) && !PATH.test(name)) || SECRET_VALUE.test(value) || /\/\/[^/]*@/.test(value);
}

/** A text of a library, without the values of parameters in it that nobody may see: `?authToken=***`. */
export function withoutSecretParameters(text: string): string {
  return text.replace(/(?<=^|[?&;,\s"'`])([\w.-]+)=([^&;\s"'`]+)/g, (all, name: string, value: string) =>
    isSecret([name, value]) ? `${name}=***` : all,
  );
}

/** What could be taken for the end of a parameter stays encoded, and so does what is not to be seen on a terminal. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/%(3A|2F|2C|24|20)/gi, (one) =>
    one === "%20" ? one : decodeURIComponent(one),
  );
}
