import type { VaultContext } from "./context.ts";
import type { VaultLease } from "./lease.ts";

/** Tells a person, once for each session, which generations were stored before encryption was turned on. */
export class UnencryptedWarnings {
  readonly #context: VaultContext;
  readonly #warned = new Set<string>();

  constructor(context: VaultContext) {
    this.#context = context;
  }

  /** To be called when a session was taken. */
  look({ session, writer }: VaultLease): void {
    const plain = writer.state.live.filter(({ key }) => key === undefined).map(({ n }) => n);
    if (!this.#context.options.keyring.isOn || plain.length === 0 || this.#warned.has(session)) return;
    this.#warned.add(session);
    this.#context.warn(
      `Stored without encryption: generation ${plain.join(", ")} of ${session}, from before it was turned on. \`rekey({ session })\` of the store encrypts them; without it they stay until newer ones have taken their place.`,
    );
  }
}
