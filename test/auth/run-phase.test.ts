import { beforeEach, describe, expect, it } from "vitest";
import { RunPhase } from "../../lib/auth/run-phase.ts";
import { VaultError } from "../../lib/errors.ts";

let phase: RunPhase;
beforeEach(() => {
  phase = new RunPhase();
});

const lost = new VaultError("LEASE_LOST", "Session RemoteAuth was taken by another process.");

describe("a run", () => {
  it("is not linked before READY, and is linked from then until the session ends", () => {
    phase.opened();
    expect(phase.isLinked).toBe(false);
    phase.link();
    phase.opened();
    expect(phase.isLinked).toBe(true);
    phase.unlink();
    expect(phase.isLinked).toBe(false);
    phase.link();
    expect(phase).toMatchObject({ isLinked: true, isEnding: false });
  });

  it("stays linked while it makes its last save, and no longer when the session ends meanwhile", () => {
    phase.link();
    phase.finish();
    expect(phase).toMatchObject({ isLinked: true, isEnding: true });
    phase.unlink();
    expect(phase).toMatchObject({ isLinked: false, isEnding: true });
    phase.link();
    expect(phase.isLinked).toBe(false);
  });

  it("has no last save when it is not linked", () => {
    phase.finish();
    expect(phase).toMatchObject({ isLinked: false, isEnding: true });
  });

  it("is not linked once it has ended", () => {
    phase.link();
    phase.finish();
    phase.end();
    expect(phase).toMatchObject({ isLinked: false, isEnding: true, lost: undefined });
  });

  it("stays lost after every later event", () => {
    phase.link();
    phase.lose(lost);
    for (const step of ["link", "unlink", "opened", "finish", "end"] as const) phase[step]();
    expect(phase).toMatchObject({ isLinked: false, isEnding: true, lost });
  });
});
