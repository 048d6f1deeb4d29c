// The states of `RedisAuth` against the published types of three releases of Baileys, of its clients, and of wapi's bot.
import type { makeWASocket } from "baileys";
import type { makeWASocket as makeWASocket67 } from "baileys-6.7";
import type { makeWASocket as makeWASocket617 } from "baileys-6.17";
import type { Cluster, Redis } from "ioredis";
import type { createClient, createCluster, createSentinel } from "redis";
import { expectTypeOf, it } from "vitest";
import { RedisAuth } from "wa-vault/wapi";

type State = Awaited<ReturnType<RedisAuth["init"]>>;
type Auth<Make extends (config: never) => unknown> = Parameters<Make>[0] extends { auth: infer A } ? A : never;

it("a state is what `makeWASocket({ auth })` of each release takes", () => {
  expectTypeOf<State>().toExtend<Auth<typeof makeWASocket>>();
  expectTypeOf<State>().toExtend<Auth<typeof makeWASocket617>>();
  expectTypeOf<State>().toExtend<Auth<typeof makeWASocket67>>();
  expectTypeOf<Auth<typeof makeWASocket>>().not.toBeNever();
  expectTypeOf<Auth<typeof makeWASocket617>>().not.toBeNever();
  expectTypeOf<Auth<typeof makeWASocket67>>().not.toBeNever();
});

it("each client fits", () => {
  expectTypeOf(RedisAuth).toBeConstructibleWith("", {} as Redis, "");
  expectTypeOf(RedisAuth).toBeConstructibleWith("", {} as Cluster, "");
  expectTypeOf(RedisAuth).toBeConstructibleWith("", {} as ReturnType<typeof createClient>, "");
  expectTypeOf(RedisAuth).toBeConstructibleWith("", {} as ReturnType<typeof createCluster>, "");
  expectTypeOf(RedisAuth).toBeConstructibleWith("", {} as ReturnType<typeof createSentinel>, "");
});

it("wapi's bot takes it", () => {
  expectTypeOf<RedisAuth>().toExtend<{
    uuid: `${string}-${string}-${string}-${string}-${string}`;
    init(): Promise<Auth<typeof makeWASocket>>;
    save(): Promise<void>;
    remove(): Promise<void>;
  }>();
});
