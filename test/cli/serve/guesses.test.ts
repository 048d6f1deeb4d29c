import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Guesses } from "../../../cli/serve/guesses.ts";
import { LateAnswers } from "../../../cli/serve/late-answers.ts";
import { WrongTokenWarnings } from "../../../cli/serve/wrong-token-warnings.ts";

describe("who guesses the token", () => {
  let clock: number;
  let guesses: Guesses;

  beforeEach(() => {
    clock = 0;
    guesses = new Guesses(() => clock);
  });

  const guess = (address: string, times: number): number[] =>
    Array.from({ length: times }, () => guesses.wrong(address));

  it("is answered at once, then later each time, up to two seconds", () => {
    expect(guess("192.0.2.1", 9)).toEqual([0, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    expect(guess("192.0.2.1", 100_000).every((ms) => ms === 2_000)).toBe(true);
  });

  it("is answered sooner again as time goes by, and at once after seventy seconds", () => {
    guess("192.0.2.1", 1_000);
    clock += 9_000;
    expect(guess("192.0.2.1", 1)).toEqual([2_000]);
    clock += 40_000;
    expect(guess("192.0.2.1", 1)).toEqual([400]);
    guess("192.0.2.1", 1_000);
    clock += 70_000;
    expect(guess("192.0.2.1", 1)).toEqual([0]);
  });

  it("makes nobody at another address wait, from however many addresses it comes", () => {
    for (let n = 0; n < 20_000; n++) guess(`10.${n % 7}.${(n >> 8) % 256}.${n % 256}`, 3);
    expect(["192.0.2.2", "::1", "2001:db8::1"].flatMap((other) => guess(other, 1))).toEqual([0, 0, 0]);
  });

  it.each([
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8::1", "2001:db8:0:0:1::"],
    ["fe80::1%eth0", "fe80::2"],
    ["::1", "0:0:0:0:0:0:0:1"],
  ])("is the same at %s and at %s", (one, other) => {
    guess(one, 6);
    expect(guess(other, 1)).toEqual([2_000]);
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["::1", "1::"],
    ["nowhere", "192.0.2.1"],
  ])("is another one at %s and at %s", (one, other) => {
    guess(one, 6);
    expect(guess(other, 1)).toEqual([0]);
  });
});

describe("late answers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Begins to wait, and notes the end under a name. */
  const begin = (
    late: LateAnswers,
    ended: string[],
    name: string,
    ms: number,
    gone = new AbortController().signal,
  ): void => {
    void late.wait(ms, gone).then(() => ended.push(name));
  };

  it("are given after their time", async () => {
    const [late, ended] = [new LateAnswers(), [] as string[]];
    begin(late, ended, "slow", 2_000);
    begin(late, ended, "quick", 100);
    begin(late, ended, "now", 0);
    await vi.advanceTimersByTimeAsync(0);
    expect([ended, late.size]).toEqual([["now"], 2]);
    await vi.advanceTimersByTimeAsync(100);
    expect([ended, late.size]).toEqual([["now", "quick"], 1]);
    await vi.advanceTimersByTimeAsync(1_900);
    expect([ended, late.size]).toEqual([["now", "quick", "slow"], 0]);
  });

  it("do not wait in any number: the oldest one is given where one more would wait", async () => {
    const [late, ended] = [new LateAnswers(3), [] as string[]];
    for (const name of ["a", "b", "c", "d", "e"]) begin(late, ended, name, 2_000);
    await vi.advanceTimersByTimeAsync(0);
    expect([ended, late.size]).toEqual([["a", "b"], 3]);
    const many = new LateAnswers();
    for (let n = 0; n < 5_000; n++) begin(many, [], "", 2_000);
    expect(many.size).toBe(100);
    many.close();
  });

  it("hold no place for who has gone, and none once the server ends", async () => {
    const [late, ended] = [new LateAnswers(), [] as string[]];
    const gone = new AbortController();
    begin(late, ended, "gone", 2_000, gone.signal);
    begin(late, ended, "here", 2_000);
    gone.abort();
    expect(late.size).toBe(1);
    late.close();
    begin(late, ended, "after the end", 2_000);
    await vi.advanceTimersByTimeAsync(0);
    expect([ended.sort(), late.size, vi.getTimerCount()]).toEqual([["after the end", "gone", "here"], 0, 0]);
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
