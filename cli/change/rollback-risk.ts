import { VaultError } from "../../lib/errors.ts";
import type { GenerationInfo } from "../../lib/store.ts";
import { isOfOtherPhone } from "../look/session-words.ts";

/** What a person allows a rollback. */
export interface AllowedRisk {
  readonly rejected?: boolean;
  readonly otherPhone?: boolean;
}

/** What a person must know before this generation becomes the current one; empty when there is nothing. */
export function riskWords(current: GenerationInfo, wanted: GenerationInfo): string {
  const isPhoneKnown = current.pairing !== undefined && wanted.pairing !== undefined;
  const words = [
    ...(isOfOtherPhone(current, wanted) ? ["It is of another phone: the bot will speak as that one."] : []),
    ...(wanted.rejected ? ["WhatsApp has refused it: it may show a QR."] : []),
    ...(wanted.suspect ? ["It came in as a zip of a damaged profile."] : []),
    ...(wanted.beforeDeletion ? ["It is of a link that ended with a deletion."] : []),
    ...(!isPhoneKnown && !wanted.proven ? ["Nobody has noted whose phone it is of."] : []),
  ];
  return words.map((one) => ` ${one}`).join("");
}

/** @throws `INVALID` when the generation is one that only its own option allows without a question */
export function refuseRisk(
  session: string,
  current: GenerationInfo,
  wanted: GenerationInfo,
  { rejected, otherPhone }: AllowedRisk,
): void {
  const failed = `Could not roll ${session} back to generation ${wanted.generation}`;
  if (isOfOtherPhone(current, wanted) && !otherPhone) {
    throw new VaultError("INVALID", `${failed}: it is of another phone.`, {
      hint: "Nothing was changed. With `--other-phone` the bot will speak as that one.",
    });
  }
  if (wanted.rejected && !rejected) {
    throw new VaultError("INVALID", `${failed}: WhatsApp has refused it.`, {
      hint: "Nothing was changed. With `--rejected` it is tried once more.",
    });
  }
}
