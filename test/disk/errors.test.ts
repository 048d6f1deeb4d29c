import { describe, expect, it } from "vitest";
import { asDiskError, codeOf, diskError, isMissing, isOutOfDescriptors } from "../../lib/disk/errors.ts";
import { VaultError } from "../../lib/errors.ts";

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: it failed, write`), { code, syscall: "write" });
}

describe("diskError", () => {
  it.each([
    ["ENOSPC", "UNAVAILABLE", /full/],
    ["EDQUOT", "UNAVAILABLE", /full/],
    ["EACCES", "DENIED", /read and write/],
    ["EPERM", "DENIED", /read and write/],
    ["EROFS", "DENIED", /read and write/],
    ["EBUSY", "UNAVAILABLE", /mount/],
    ["ENAMETOOLONG", "INVALID", /longer than the disk takes/],
    ["ENOTDIR", "UNAVAILABLE", /in the place of a folder/],
    ["EEXIST", "UNAVAILABLE", /in the place of a folder/],
    ["ELOOP", "UNAVAILABLE", /in the place of a folder/],
    ["EXDEV", "UNAVAILABLE", /mount/],
  ])("of %s is %s, with a hint", (reason, code, hint) => {
    const cause = systemError(reason);
    const error = diskError("write a file", cause);
    expect(error).toBeInstanceOf(VaultError);
    expect(error).toMatchObject({ code, cause, message: `Could not write a file: ${reason}.` });
    expect(error.hint).toMatch(hint);
  });

  it("of any other code is UNAVAILABLE, without a hint", () => {
    const error = diskError("write a file", systemError("EIO"));
    expect(error).toMatchObject({ code: "UNAVAILABLE", message: "Could not write a file: EIO." });
    expect(error.hint).toBeUndefined();
  });

  it("of an error without a code says its message; of something else that it is unknown", () => {
    expect(diskError("write a file", new Error("broken")).message).toBe("Could not write a file: broken.");
    expect(diskError("write a file", "broken").message).toBe("Could not write a file: unknown error.");
  });

  it("of an error of the library is that error", () => {
    const error = new VaultError("CORRUPT", "Could not read a file: it ends early.");
    expect(diskError("write a file", error)).toBe(error);
  });
});

describe("asDiskError", () => {
  it("changes errors of the system alone", () => {
    const [cause, other] = [systemError("EIO"), new TypeError("a fault of our own")];
    expect(asDiskError("write a file", cause)).toMatchObject({ code: "UNAVAILABLE", cause });
    expect(asDiskError("write a file", other)).toBe(other);
    expect(asDiskError("write a file", undefined)).toBeUndefined();
  });
});

describe("the kinds of an error", () => {
  it("are told by its code", () => {
    expect([systemError("EIO"), new Error("other"), undefined].map(codeOf)).toEqual(["EIO", undefined, undefined]);
    const full = ["EMFILE", "ENFILE", "ENOSPC"].map((code) => isOutOfDescriptors(systemError(code)));
    expect(full).toEqual([true, true, false]);
    const missing = ["ENOENT", "ENOTDIR", "EACCES"].map((code) => isMissing(systemError(code)));
    expect(missing).toEqual([true, true, false]);
  });
});
