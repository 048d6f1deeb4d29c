import { read } from "node:fs";

/**
 * Fills `into` with the bytes from `position` of an open file. Does not block the thread: a disk may hang.
 * @throws when the file ends before that; the error of the disk
 */
export async function readDescriptor(fd: number, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const bytesRead = await readOnce(fd, into.subarray(done), position + done);
    if (bytesRead === 0) throw new Error("the file has become shorter");
    done += bytesRead;
  }
}

function readOnce(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
  });
}
