import { describe, expect, it } from "vitest";
import { writeLateStorage } from "../../lib/auth/late-storage.ts";
import type { ClientLike } from "../../lib/browser/client.ts";

/** A client whose browser runs until `connected` is false. */
function clientWith(close: () => Promise<void> = async () => {}) {
  const state = { connected: true, closed: 0 };
  const client = {
    pupBrowser: { isConnected: () => state.connected },
    pupPage: {
      close: () => {
        state.closed += 1;
        return close();
      },
    },
  } as unknown as ClientLike;
  return { state, client };
}

const never = <T>(): Promise<T> => new Promise<T>(() => {});

describe("the storage of a new link", () => {
  it("is waited for once the page is closed, until the login is on disk", async () => {
    const { state, client } = clientWith();
    const looks: number[] = [];
    const isOnDisk = async (): Promise<boolean> => looks.push(state.closed) === 3;
    await writeLateStorage({ client, readyAt: performance.now(), isOnDisk, limitMs: 600_000 });
    expect(looks).toEqual([1, 1, 1]);
  });

  it.for<[string, () => Promise<void>, () => Promise<boolean>]>([
    ["the login never is on disk", async () => {}, async () => false],
    ["the page does not close", never, async () => true],
    ["the disk does not answer", async () => {}, never],
  ])("is waited for no longer than the limit when %s", async ([, close, isOnDisk]) => {
    const { client } = clientWith(close);
    const work = writeLateStorage({ client, readyAt: performance.now(), isOnDisk, limitMs: 20 });
    expect(work).toBeInstanceOf(Promise);
    await work;
  });

  it.for<[string, () => Promise<void>, () => Promise<boolean>]>([
    ["the page cannot be closed", () => Promise.reject(new Error("Target closed")), never],
    ["the profile cannot be read", async () => {}, () => Promise.reject(new Error("EIO"))],
  ])("is not waited for when %s", async ([, close, isOnDisk]) => {
    const { client } = clientWith(close);
    await writeLateStorage({ client, readyAt: performance.now(), isOnDisk, limitMs: 600_000 });
  });

  it("is not waited for once the browser is gone", async () => {
    const { state, client } = clientWith();
    const isOnDisk = async (): Promise<boolean> => {
      state.connected = false;
      return false;
    };
    await writeLateStorage({ client, readyAt: performance.now(), isOnDisk, limitMs: 600_000 });
  });

  it("is let be before READY, two minutes after it, without a page and without a browser", () => {
    const { state, client } = clientWith();
    const isOnDisk = async (): Promise<boolean> => false;
    const readyAt = performance.now();
    expect(writeLateStorage({ client, readyAt: undefined, isOnDisk })).toBeUndefined();
    expect(writeLateStorage({ client, readyAt: readyAt - 120_001, isOnDisk })).toBeUndefined();
    expect(writeLateStorage({ client: { ...client, pupPage: null }, readyAt, isOnDisk })).toBeUndefined();
    state.connected = false;
    expect(writeLateStorage({ client, readyAt, isOnDisk })).toBeUndefined();
    expect(state.closed).toBe(0);
  });
});
