import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Guesses } from "../../../cli/serve/guesses.ts";
import { WrongTokenWarnings } from "../../../cli/serve/wrong-token-warnings.ts";

describe("who guesses the token", () => {
  let clock: number;
  let guesses: Guesses;

  beforeEach(() => {
    clock = 0;
    guesses = new Guesses(() => clock);
  });

  const guess = (address: string, times: number): void => {
    for (let n = 0; n < times; n++) guesses.wrong(address);
  };

  it("has ten tries, and then one every two seconds", () => {
    guess("192.0.2.1", 9);
    expect(guesses.pauseMs("192.0.2.1")).toBe(0);
    guess("192.0.2.1", 1);
    expect(guesses.pauseMs("192.0.2.1")).toBe(2_000);
    clock += 1_500;
    expect(guesses.pauseMs("192.0.2.1")).toBe(500);
    clock += 500;
    expect(guesses.pauseMs("192.0.2.1")).toBe(0);
    guess("192.0.2.1", 1);
    expect(guesses.pauseMs("192.0.2.1")).toBe(2_000);
    clock += 20_000;
    guess("192.0.2.1", 9);
    expect(guesses.pauseMs("192.0.2.1")).toBe(0);
  });

  it("makes nobody at another address wait", () => {
    guess("192.0.2.1", 10);
    expect(["192.0.2.2", "::1", "2001:db8::1"].map((other) => guesses.pauseMs(other))).toEqual([0, 0, 0]);
  });

  it.each([
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8::1", "2001:db8:0:0:1::"],
    ["fe80::1%eth0", "fe80::2"],
    ["::1", "0:0:0:0:0:0:0:1"],
  ])("is the same at %s and at %s", (one, other) => {
    guess(one, 10);
    expect(guesses.pauseMs(other)).toBe(2_000);
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["::1", "1::"],
    ["nowhere", "192.0.2.1"],
  ])("is another one at %s and at %s", (one, other) => {
    guess(one, 10);
    expect(guesses.pauseMs(other)).toBe(0);
  });

  it("has a hundred tries from everywhere, which keep nobody out who has shown the right token before", () => {
    guesses.right("192.0.2.7");
    for (let n = 0; n < 100; n++) guess(`198.51.100.${n}`, 1);
    expect(guesses.pauseMs("203.0.113.1")).toBe(200);
    expect(guesses.pauseMs("192.0.2.7")).toBe(0);
    clock += 200;
    expect(guesses.pauseMs("203.0.113.1")).toBe(0);
    guess("192.0.2.7", 9);
    expect(guesses.pauseMs("203.0.113.1")).toBe(0);
  });

  it("waits two seconds at most, however many addresses have guessed how often", () => {
    for (let n = 0; n < 20_000; n++) {
      const address = `10.${n % 7}.${(n >> 8) % 256}.${n % 256}`;
      if (guesses.pauseMs(address) === 0) guess(address, 1);
      clock += 1;
    }
    for (let n = 0; n < 256; n++) expect(guesses.pauseMs(`10.0.0.${n}`)).toBeLessThanOrEqual(2_000);
  });
});

describe("warnings of wrong tokens", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("come at once, then one a minute, and end with the guessing", () => {
    const said: string[] = [];
    const warnings = new WrongTokenWarnings((message) => void said.push(message));
    for (let n = 0; n < 5_000; n++) warnings.wrong(`192.0.2.${n % 5}`);
    expect(said.splice(0)).toEqual(["A wrong token was shown from 192.0.2.0."]);
    vi.advanceTimersByTime(60_000);
    expect(said.splice(0)).toEqual([
      "4999 more wrong tokens were shown, from 192.0.2.1, 192.0.2.2, 192.0.2.3 and other addresses.",
    ]);
    warnings.wrong("192.0.2.9");
    expect(said).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(said.splice(0)).toEqual(["1 more wrong token was shown, from 192.0.2.9."]);
    vi.advanceTimersByTime(600_000);
    expect(said).toEqual([]);
    warnings.wrong("192.0.2.9");
    expect(said.splice(0)).toEqual(["A wrong token was shown from 192.0.2.9."]);
    warnings.close();
    expect(said).toEqual([]);
  });
});
