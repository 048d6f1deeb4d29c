import { FileBlobs } from "../../../adapters/fs/index.ts";
import type { BlobInfo, ListOptions } from "../../../lib/blobs.ts";

/** One call of the blobs of a directory. */
export interface BlobCall {
  readonly method: "get" | "put" | "list" | "delete";
  /** Keys have it in them. */
  readonly key: string;
  /** Whether it is about to be made, or has taken effect. */
  readonly when: "before" | "after";
  /** Whether it changes what is stored. */
  readonly isChange: boolean;
}

/**
 * Tells of each call of every `FileBlobs` of this process, until the function that it returns is called. What `onCall` throws
 * is the error of the call.
 */
export function watchBlobs(onCall: (call: BlobCall) => void): () => void {
  const { get, put, list, delete: remove } = FileBlobs.prototype;
  const around = async <T>(method: BlobCall["method"], key: string, work: () => Promise<T>): Promise<T> => {
    const isChange = method === "put" || method === "delete";
    onCall({ method, key, when: "before", isChange });
    const result = await work();
    onCall({ method, key, when: "after", isChange });
    return result;
  };
  FileBlobs.prototype.get = function (...args) {
    return around("get", args[0], () => get.apply(this, args));
  };
  FileBlobs.prototype.put = function (...args) {
    return around("put", args[0], () => put.apply(this, args));
  };
  FileBlobs.prototype.delete = function (...args) {
    return around("delete", args[0][0] ?? "", () => remove.apply(this, args));
  };
  FileBlobs.prototype.list = async function* (prefix: string, options?: ListOptions): AsyncGenerator<BlobInfo> {
    onCall({ method: "list", key: prefix, when: "before", isChange: false });
    yield* list.call(this, prefix, options);
  };
  return () => Object.assign(FileBlobs.prototype, { get, put, list, delete: remove });
}
