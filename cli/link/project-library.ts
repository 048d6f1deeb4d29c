import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadLibrary } from "../../address/load-library.ts";
import { codeOf } from "../../lib/disk/errors.ts";

/**
 * Loads a library of the bot: the one of the project in which the command is run, so that the session is linked by the release
 * that will run it, else one that is installed beside the command, as by npx.
 * @param forWhat as for {@link loadLibrary}
 * @param names the packages that it is published as
 * @returns the module, and where it is
 * @throws `INVALID` with the line that installs it, when there is none; the error of a library that does not load
 */
export async function projectLibrary(
  forWhat: string,
  names: readonly string[],
): Promise<{ module: unknown; path: string }> {
  const places = [join(process.cwd(), "package.json"), import.meta.url];
  return await loadLibrary(
    forWhat,
    names.map((name) => ({
      name,
      // The bot runs with it: that is for the project to say.
      least: "0",
      load: async () => {
        let missing: unknown;
        for (const place of places) {
          try {
            const path = createRequire(place).resolve(name);
            return { module: await import(pathToFileURL(path).href), path };
          } catch (error) {
            if (codeOf(error) !== "MODULE_NOT_FOUND") throw error;
            missing ??= error;
          }
        }
        throw missing;
      },
    })),
  );
}

/** A name of a module, also of one that is CommonJS, whose names Node may not see. */
export function exported<T>(module: unknown, name: string): T | undefined {
  const all = Object(module) as { default?: object } & Record<string, unknown>;
  return (all[name] ?? Reflect.get(Object(all.default), name)) as T | undefined;
}
