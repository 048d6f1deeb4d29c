/** Something that a test lets happen, or that it waits for. */
export interface Gate {
  /** Resolves once it is open. */
  readonly opened: Promise<void>;
  open(): void;
}

/** A gate that is shut: `await gate.opened` on one side, `gate.open()` on the other. */
export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
