import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import promises, { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/** What an action has asked of the disk. */
export interface DiskCalls {
  /** Bytes that were read from files. */
  bytes: number;
  /** Bytes that were written to files. */
  written: number;
  /** Calls that a promise was made for. */
  asynchronous: number;
  synchronous: number;
}

type Call = (...values: unknown[]) => unknown;

/**
 * Runs `action`; returns its result, and what it has asked of the disk. What other work of this process asks meanwhile does
 * not count: a test that has ended may leave some.
 */
export async function countCalls<T>(action: () => Promise<T>): Promise<DiskCalls & { result: T }> {
  const calls: DiskCalls = { bytes: 0, written: 0, asynchronous: 0, synchronous: 0 };
  const undo: (() => void)[] = [];
  const own = new AsyncLocalStorage<true>();
  const hook = (target: object, name: string, kind: "asynchronous" | "synchronous"): void => {
    const methods = target as Record<string, Call>;
    const real = methods[name] as Call;
    methods[name] = function (this: unknown, ...values) {
      if (!own.getStore()) return real.apply(this, values);
      calls[kind]++;
      const answer = real.apply(this, values);
      if (name === "readSync") calls.bytes += answer as number;
      if (name === "write") {
        return (answer as Promise<{ bytesWritten: number }>).then((write) => {
          calls.written += write.bytesWritten;
          return write;
        });
      }
      if (name !== "read") return answer;
      return (answer as Promise<{ bytesRead: number }>).then((read) => {
        calls.bytes += read.bytesRead;
        return read;
      });
    };
    undo.push(() => {
      methods[name] = real;
    });
  };
  const handle = await open(import.meta.filename, "r");
  for (const name of ["read", "stat", "write", "sync"]) hook(Object.getPrototypeOf(handle), name, "asynchronous");
  await handle.close();
  for (const name of ["open", "readdir", "readFile", "lstat", "stat", "unlink"]) hook(promises, name, "asynchronous");
  for (const name of ["fstatSync", "lstatSync", "readdirSync", "readSync", "existsSync"]) hook(fs, name, "synchronous");
  const { read } = fs;
  fs.read = ((...values: unknown[]) => {
    if (!own.getStore()) return void (read as (...all: unknown[]) => void)(...values);
    const done = values.pop() as (error: unknown, bytesRead: number, ...more: unknown[]) => void;
    calls.asynchronous++;
    (read as (...all: unknown[]) => void)(...values, (error: unknown, bytesRead: number, ...more: unknown[]) => {
      calls.bytes += error ? 0 : bytesRead;
      done(error, bytesRead, ...more);
    });
  }) as typeof read;
  undo.push(() => {
    fs.read = read;
  });
  syncBuiltinESMExports();
  try {
    const result = await own.run(true, action);
    return { result, ...calls };
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}
