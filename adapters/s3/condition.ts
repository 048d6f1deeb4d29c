import type { PutObjectCommand } from "@aws-sdk/client-s3";

/** The first version of `@aws-sdk/client-s3` that sends `IfNoneMatch` of a `PutObject`; those before it drop it silently. */
const FIRST_SDK = "3.635.0";

/** What became of the condition of exclusive puts, as far as this process has seen. */
export class Condition {
  #wasDropped = false;
  #sdk = "";
  #wasRefused = false;

  /** To be called before the command is sent. */
  watch(command: PutObjectCommand): void {
    command.middlewareStack.add(
      (next) => async (args) => {
        const { headers = {} } = Object(args.request) as { headers?: Record<string, string> };
        if (headers["if-none-match"] === undefined) this.#wasDropped = true;
        const answer = await next(args);
        this.#sdk = /aws-sdk-js\/([\d.]+)/.exec(headers["user-agent"] ?? "")?.[1] ?? "";
        return answer;
      },
      // The first look at the request once it has its headers.
      { step: "build", priority: "high", name: "waVaultCondition", override: true },
    );
  }

  /** The server has refused the condition, not the value. */
  refuse(): void {
    this.#wasRefused = true;
  }

  /** Why no key can be created exclusively, and what to do. */
  get hint(): string {
    if (this.#wasDropped) {
      const version = this.#sdk === "" ? "" : ` ${this.#sdk}`;
      return `The server is not to blame: @aws-sdk/client-s3${version} drops \`IfNoneMatch\`. Install ${FIRST_SDK} or newer.`;
    }
    const fault = this.#wasRefused ? "refuses" : "does not honour";
    return `The server ${fault} \`If-None-Match: *\`: docs/stores.md says which servers honour it.`;
  }
}
