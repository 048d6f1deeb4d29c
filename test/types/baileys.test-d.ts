import type makeWASocket from "baileys";
import type { AuthenticationState, SignalKeyStore, SocketConfig } from "baileys";
import type makeWASocket67 from "baileys-6.7";
import type { AuthenticationState as AuthenticationState67, SocketConfig as SocketConfig67 } from "baileys-6.7";
import type {
  AuthenticationState as AuthenticationState617,
  makeWASocket as makeWASocket617,
  SocketConfig as SocketConfig617,
} from "baileys-6.17";
import { expectTypeOf, it } from "vitest";
import { FileStore } from "wa-vault/fs";
import { type MigrateAuthStateOptions, useVaultAuthState } from "../../lib/baileys/index.ts";

const opened = useVaultAuthState({ store: new FileStore({ directory: "sessions" }), session: "bot" });
type Opened = Awaited<typeof opened>;

it("a state fits the sockets of each release of Baileys", () => {
  expectTypeOf<Opened["state"]>().toExtend<AuthenticationState>();
  expectTypeOf<Opened["state"]>().toExtend<AuthenticationState617>();
  expectTypeOf<Opened["state"]>().toExtend<AuthenticationState67>();
  expectTypeOf<Opened["state"]["keys"]>().toExtend<SignalKeyStore>();
});

it("a socket of each release can be bound", () => {
  expectTypeOf<Opened["bind"]>().toBeCallableWith({} as ReturnType<typeof makeWASocket>);
  expectTypeOf<Opened["bind"]>().toBeCallableWith({} as ReturnType<typeof makeWASocket617>);
  expectTypeOf<Opened["bind"]>().toBeCallableWith({} as ReturnType<typeof makeWASocket67>);
});

it("its `getMessage` fits the sockets of each release", () => {
  expectTypeOf<Opened["getMessage"]>().toExtend<SocketConfig["getMessage"]>();
  expectTypeOf<Opened["getMessage"]>().toExtend<SocketConfig617["getMessage"]>();
  expectTypeOf<Opened["getMessage"]>().toExtend<SocketConfig67["getMessage"]>();
});

it("the credentials are those that sockets change", () => {
  expectTypeOf<AuthenticationState["creds"]>().toExtend<Opened["state"]["creds"]>();
  expectTypeOf<AuthenticationState67["creds"]>().toExtend<Opened["state"]["creds"]>();
});

it("a state of each release can be migrated, from and to", () => {
  type State = AuthenticationState | AuthenticationState617 | AuthenticationState67 | Opened["state"];
  expectTypeOf<State>().toExtend<MigrateAuthStateOptions["from"]>();
  expectTypeOf<{ state: State; saveCreds: () => Promise<void> }>().toExtend<MigrateAuthStateOptions["to"]>();
  expectTypeOf<Opened>().toExtend<MigrateAuthStateOptions["to"]>();
});
