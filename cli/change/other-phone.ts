import { isVaultError, VaultError } from "../../lib/errors.ts";

/** Does `work`; a refusal to replace the session of another phone names the option of the command. */
export async function sayingOtherPhone<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    // The hints of the library name its options.
    if (!isVaultError(cause, "CONFLICT") || !cause.hint?.includes("`otherPhone`")) throw cause;
    const hint =
      "Nothing was changed. `--other-phone` replaces the session of that phone; `--as` gives this one another name.";
    throw new VaultError("CONFLICT", cause.message, { cause, hint });
  }
}
