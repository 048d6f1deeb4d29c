import { expect, it } from "vitest";
import { warnOfStrangers } from "../../lib/auth/stranger-warnings.ts";

const STORAGE = "Default/Local Storage/leveldb";

function listener(): { told: string[]; listen: (message: string) => void } {
  const told: string[] = [];
  return { told, listen: (message) => void told.push(message) };
}

it("tells of each folder and kind of name once", () => {
  const { told, listen } = listener();
  for (let i = 1; i < 10; i++) warnOfStrangers(listen, "RemoteAuth-x", [`${STORAGE}/00000${i}.log.bak`]);
  warnOfStrangers(listen, "RemoteAuth-x", ["Default/Local Storage/000001.log.bak", `${STORAGE}/CURRENT.bak`]);
  expect(told).toEqual([
    `The profile of RemoteAuth-x holds ${STORAGE}/000001.log.bak, which is no part of its storage: left out of every save.`,
    `The profile of RemoteAuth-x holds Default/Local Storage/000001.log.bak, ${STORAGE}/CURRENT.bak, which is no part of its storage: left out of every save.`,
  ]);
});

it("tells of each session", () => {
  const { told, listen } = listener();
  for (const session of ["RemoteAuth-a", "RemoteAuth-b", "RemoteAuth-a"]) warnOfStrangers(listen, session, ["x.bak"]);
  expect(told).toHaveLength(2);
});

it("ends where the names differ in a way that nobody has thought of", () => {
  const { told, listen } = listener();
  const letters = (n: number): string => [...n.toString(2)].map((bit) => (bit === "0" ? "x" : "y")).join("");
  for (let i = 0; i < 5000; i++) warnOfStrangers(listen, "RemoteAuth-x", [`${STORAGE}/${letters(i)}`]);
  expect(told).toHaveLength(1000);
});
