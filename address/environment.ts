import { readFile } from "node:fs/promises";
import { codeOf, diskError } from "../lib/disk/errors.ts";
import { VaultError } from "../lib/errors.ts";

/** Variables by their names, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of a variable, or the text of the file that `<name>_FILE` names; `undefined` when neither is set.
 * @throws `INVALID` when both are set, the value is empty, or the file is empty or not there; else the error of the disk
 */
export async function fromEnvironment(env: Environment, name: string): Promise<string | undefined> {
  const fileName = `${name}_FILE`;
  const { [name]: value, [fileName]: file } = env;
  if (value !== undefined && file !== undefined) {
    throw new VaultError("INVALID", `${name} and ${fileName} are both set.`, { hint: "Unset one of them." });
  }
  // What a deployment has forgotten to fill must not look like what was never wanted.
  if (value?.trim() === "") throw empty(name);
  if (file?.trim() === "") throw empty(fileName);
  return file === undefined ? value : await fileText(fileName, file);
}

/** The text of a file without the blanks around it: a file mostly ends with a line break. */
async function fileText(variable: string, path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (codeOf(cause) !== "ENOENT") throw diskError(`read the file that ${variable} names (${path})`, cause);
    throw new VaultError("INVALID", `${variable} names a file that does not exist: ${path}.`, { cause });
  });
  if (text.trim() !== "") return text.trim();
  throw new VaultError("INVALID", `${variable} names a file that is empty: ${path}.`);
}

function empty(name: string): VaultError {
  return new VaultError("INVALID", `${name} is set, and is empty.`, { hint: "Set it to its value, or unset it." });
}
