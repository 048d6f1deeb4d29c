import { EventEmitter } from "node:events";
import * as baileys from "baileys";
import { onTestFinished } from "vitest";
import type { VaultAuthState } from "../../../lib/baileys/auth-state.ts";
import { useVaultAuthState, type VaultAuthStateOptions } from "../../../lib/baileys/index.ts";
import type { AuthenticationCreds, BaileysSocket } from "../../../lib/baileys/types.ts";
import type { BlobStore } from "../../../lib/blobs.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";

/** A store that tries each request once. */
export function storeOn(blobs: BlobStore, options: VaultOptions = {}): Vault {
  return new Vault({ blobs, retries: 0, retryDelayMs: 0, ...options });
}

/** Opens the session `bot`, and closes it after the test. A session of another holder is not waited for. */
export async function open(
  store: Vault,
  options: Partial<VaultAuthStateOptions> = {},
): Promise<VaultAuthState & { errors: unknown[]; warnings: string[] }> {
  const errors: unknown[] = [];
  const warnings: string[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const onWarning = (message: string): void => void warnings.push(message);
  const opened = await useVaultAuthState({ store, session: "bot", leaseWaitMs: 0, onError, onWarning, ...options });
  onTestFinished(() => opened.close());
  return { ...opened, errors, warnings };
}

/** What pairing changes in credentials: a phone has linked the device. */
export function linked(name = "Anna"): Partial<AuthenticationCreds> {
  const { ADVSignedDeviceIdentity } = baileys.proto;
  return {
    account: ADVSignedDeviceIdentity.create({ details: Buffer.from(name), accountSignatureKey: Buffer.alloc(32, 1) }),
    me: { id: "5511999999999:1@s.whatsapp.net", name },
  };
}

/** The parts of a socket that a state is bound to. */
export class FakeSocket implements BaileysSocket {
  readonly ev: EventEmitter = new EventEmitter();
  /** What it was ended with. */
  readonly ends: (Error | undefined)[] = [];

  end(error: Error | undefined): void {
    this.ends.push(error);
    this.ev.emit("connection.update", { connection: "close", lastDisconnect: { error, date: new Date() } });
  }
}
