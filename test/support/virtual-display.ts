import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { atExit } from "./at-exit.ts";
import { identify, killTree } from "./process-tree.ts";
import { scratchFolder } from "./scratch.ts";
import { debian, obtain, type Program } from "./services/programs.ts";

/** A screen that nobody sees. */
export interface VirtualDisplay {
  /** For `DISPLAY`. */
  readonly name: string;
  readonly way: string;
  /** What is on it: red, green and blue of each pixel. */
  pixels(): { width: number; height: number; rgb: Buffer };
  /** The same as a PNG, for people. */
  picture(): Buffer;
  stop(): Promise<void>;
}

/** @throws ServiceMissing */
export async function obtainXvfb(): Promise<Program> {
  return await obtain({
    program: "Xvfb",
    source: debian(["xvfb"], "Xvfb"),
    hint: "Install xvfb (Debian, as root: apt-get install xvfb).",
  });
}

const running = new Set<ChildProcess>();
atExit(() => {
  for (const { pid } of running) if (pid !== undefined) killTree(pid);
});

/** A display of Xvfb. @throws ServiceMissing */
export async function startDisplay(): Promise<VirtualDisplay> {
  const { command, way } = await obtainXvfb();
  const folder = scratchFolder("display-");
  // It chooses a number that is free, and writes it when it is ready.
  const args = ["-displayfd", "3", "-screen", "0", "1280x900x24", "-fbdir", folder, "-nolisten", "tcp", "-noreset"];
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  if (child.pid === undefined) throw new Error("Xvfb could not be started");
  running.add(child);
  const id = identify(child.pid);
  const channel = child.stdio[3] as NodeJS.ReadableStream;
  const number = await Promise.race([once(channel, "data"), once(child, "exit").then(() => [undefined])]);
  if (number[0] === undefined) throw new Error("Xvfb has ended before it was ready");
  const pixels = (): { width: number; height: number; rgb: Buffer } =>
    readXwd(readFileSync(join(folder, "Xvfb_screen0")));
  return {
    name: `:${String(number[0]).trim()}`,
    way,
    pixels,
    picture: () => png(pixels()),
    async stop() {
      killTree(id);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      running.delete(child);
    },
  };
}

/** The format of X window dumps (`X11/XWDFile.h`): a header of big-endian words, colours, and rows of 32-bit pixels. */
function readXwd(file: Buffer): { width: number; height: number; rgb: Buffer } {
  const word = (index: number): number => file.readUInt32BE(4 * index);
  const [headerBytes, width, height, rowBytes, colors] = [word(0), word(4), word(5), word(12), word(19)];
  const isLittle = word(7) === 0;
  const start = headerBytes + colors * 12;
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = start + y * rowBytes + 4 * x;
      const pixel = isLittle ? file.readUInt32LE(at) : file.readUInt32BE(at);
      rgb.writeUIntBE(pixel & 0xffffff, 3 * (y * width + x), 3);
    }
  }
  return { width, height, rgb };
}

function png({ width, height, rgb }: { width: number; height: number; rgb: Buffer }): Buffer {
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.concat([Buffer.from([0]), rgb.subarray(3 * width * y, 3 * width * (y + 1))]),
  );
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    block("IHDR", header),
    block("IDAT", deflateSync(Buffer.concat(rows))),
    block("IEND"),
  ]);
}

function block(kind: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const content = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(content));
  return Buffer.concat([length, content, sum]);
}
