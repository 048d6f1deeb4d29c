import { rm } from "node:fs/promises";
import type { Capture, Lease, ProfileStore, SaveReport } from "../../../../lib/store.ts";
import { assertSameFiles, type Files, filesIn } from "../../../contract/profile.ts";
import { built } from "./built.ts";
import type { UsedProfile } from "./large-profile.ts";

const { captureProfile } = await built<typeof import("../../../../lib/profile/capture/capture.ts")>(
  "lib/profile/capture/capture.ts",
);

/** A session in a store, and the profile that it is saved from. */
export class SavedProfile {
  readonly profile: UsedProfile;
  readonly #store: ProfileStore;
  readonly #session: string;
  readonly #lease: Lease;

  private constructor(profile: UsedProfile, store: ProfileStore, session: string, lease: Lease) {
    this.profile = profile;
    this.#store = store;
    this.#session = session;
    this.#lease = lease;
  }

  /** Takes the session. */
  static async open(profile: UsedProfile, store: ProfileStore, session: string): Promise<SavedProfile> {
    return new SavedProfile(profile, store, session, await store.acquire({ session }));
  }

  /** A capture of the profile as it is. @param live whether files that are overwritten in place are copied */
  async capture({ live = true, signal }: { live?: boolean; signal?: AbortSignal } = {}): Promise<Capture> {
    return await captureProfile(this.profile.dir, { live, signal });
  }

  /** Saves a capture, and closes it. @param capture @default one of the profile as it is */
  async save(capture?: Capture, options: { signal?: AbortSignal } = {}): Promise<SaveReport> {
    const taken = capture ?? (await this.capture());
    try {
      return await this.#store.saveProfile({ session: this.#session, lease: this.#lease, capture: taken, ...options });
    } finally {
      await taken.close();
    }
  }

  /** The files of a capture, by their own reads. */
  async files(): Promise<Files> {
    const capture = await this.capture();
    const read = capture.files.map(async ({ path, size, read }) => [path, await read(0, size)] as const);
    const files = Object.fromEntries(await Promise.all(read));
    await capture.close();
    return files;
  }

  /** @throws unless the current generation is restored with exactly these files. @default those of the profile as it is */
  async assertStored(expected?: Files): Promise<void> {
    assertSameFiles(await this.restored(), expected ?? (await this.files()));
  }

  /** The files of the current generation. */
  async restored(): Promise<Files> {
    const into = `${this.profile.dir}.restored`;
    await this.#store.restoreProfile({ session: this.#session, into });
    const files = await filesIn(into);
    await rm(into, { recursive: true });
    return files;
  }

  async release(): Promise<void> {
    await this.#lease.release();
  }
}
