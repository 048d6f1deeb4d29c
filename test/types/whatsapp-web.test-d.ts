// Our strategies and stores against the published types of whatsapp-web.js.
import { describe, expectTypeOf, it } from "vitest";
import type { AuthStrategy, Store } from "whatsapp-web.js";
import * as latest from "whatsapp-web.js";
import type * as older from "wwebjs-1.34.4";
import type * as old from "wwebjs-1.34.6";
import { LocalAuth, type LocalAuthOptions } from "../../lib/auth/local-auth.ts";
import { NoAuth } from "../../lib/auth/no-auth.ts";
import { RemoteAuth } from "../../lib/auth/remote-auth.ts";
import type { ClientLike, PublicClient } from "../../lib/browser/client.ts";
import type { ProfileStore, SessionStore } from "../../lib/store.ts";

declare const ours: ProfileStore;
declare const theirs: Store;

describe("our strategies", () => {
  it("are what a client takes", () => {
    new latest.Client({ authStrategy: new NoAuth() });
    new latest.Client({ authStrategy: new LocalAuth() });
    new latest.Client({ authStrategy: new LocalAuth({ clientId: "a", dataPath: "./sessions", rmMaxRetries: 2 }) });
    new latest.Client({ authStrategy: new RemoteAuth({ store: ours, backupSyncIntervalMs: 300_000 }) });
  });

  it("are its AuthStrategy, in every release", () => {
    expectTypeOf<NoAuth>().toExtend<AuthStrategy>();
    expectTypeOf<LocalAuth>().toExtend<AuthStrategy>();
    expectTypeOf<RemoteAuth>().toExtend<AuthStrategy>();
    expectTypeOf<RemoteAuth>().toExtend<old.AuthStrategy>();
    expectTypeOf<RemoteAuth>().toExtend<older.AuthStrategy>();
    expectTypeOf<LocalAuth>().toExtend<old.AuthStrategy>();
    expectTypeOf<LocalAuth>().toExtend<older.AuthStrategy>();
  });

  it("take its client", () => {
    expectTypeOf<latest.Client>().toExtend<PublicClient>();
    expectTypeOf<old.Client>().toExtend<PublicClient>();
    expectTypeOf<older.Client>().toExtend<PublicClient>();
    expectTypeOf<ClientLike>().toExtend<PublicClient>();
  });

  it("take the options of its own", () => {
    type Theirs = NonNullable<ConstructorParameters<typeof latest.LocalAuth>[0]>;
    expectTypeOf<Theirs>().toExtend<LocalAuthOptions>();
    // @ts-expect-error a misspelled option is refused
    new LocalAuth({ clientID: "a" });
    // @ts-expect-error there is no default interval
    new RemoteAuth({ store: ours });
  });
});

describe("stores", () => {
  it("of ours are what its RemoteAuth takes", () => {
    expectTypeOf<SessionStore>().toExtend<Store>();
    expectTypeOf<ProfileStore>().toExtend<Store>();
    new latest.RemoteAuth({ store: ours, backupSyncIntervalMs: 300_000 });
  });

  it("of others are what our RemoteAuth takes", () => {
    new RemoteAuth({ store: theirs, backupSyncIntervalMs: 300_000 });
  });
});
