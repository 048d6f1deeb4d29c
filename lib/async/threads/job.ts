/** Work that a thread can do: it depends on its input alone, and changes nothing outside. */
export interface Job<Input, Result> {
  /** `import.meta.url` of the module that exports this job with the name `job`. */
  readonly module: string;
  /** Both values are copied between threads: plain objects, strings, numbers, byte arrays, keys. */
  readonly run: (input: Input) => Promise<Result> | Result;
  /** The buffers that move to the thread with the input: the caller cannot use them any more. @default none */
  readonly movedIn?: (input: Input) => ArrayBuffer[];
  /** The buffers that move back with the result. @default none: they are copied */
  readonly movedOut?: (result: Result) => ArrayBuffer[];
}

/** What a thread is sent. */
export interface Call {
  readonly id: number;
  readonly module: string;
  readonly input: unknown;
}

/** What a thread answers. */
export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: unknown });
