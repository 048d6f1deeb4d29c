import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What is wrong with a server. */
export interface FakeS3Faults {
  /** Methods that are refused, as by a policy: `DELETE`, or `LIST` for a GET of the bucket. */
  readonly denied?: readonly string[];
  /** Accepts `If-None-Match`, and ignores it. */
  readonly ignoresCondition?: boolean;
  /** An error for every request, as `NoSuchBucket`. */
  readonly error?: { readonly code: string; readonly status: number };
  /** By how much its clock is ahead, in milliseconds. */
  readonly aheadMs?: number;
}

/** A server that speaks as much of S3 as a store needs, with faults that real ones have on some days. */
export interface FakeS3 {
  /** Address of a store in it. */
  readonly address: string;
  readonly objects: ReadonlyMap<string, { bytes: Buffer; at: Date }>;
  stop(): Promise<void>;
}

export async function startFakeS3(faults: FakeS3Faults = {}): Promise<FakeS3> {
  const { denied = [], ignoresCondition = false, error, aheadMs = 0 } = faults;
  const objects = new Map<string, { bytes: Buffer; at: Date }>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://s3");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isList = url.searchParams.get("list-type") === "2";
    const key = decodeURIComponent(url.pathname).split("/").slice(2).join("/");
    const fail = (code: string, status: number): void => {
      response.writeHead(status, { "content-type": "application/xml" });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    };
    if (error) return fail(error.code, error.status);
    if (denied.includes(isList ? "LIST" : (request.method ?? ""))) return fail("AccessDenied", 403);
    if (isList) {
      const prefix = url.searchParams.get("prefix") ?? "";
      const found = [...objects].filter(([name]) => name.startsWith(prefix)).sort();
      const contents = found.map(
        ([name, { bytes, at }]) =>
          `<Contents><Key>${name}</Key><Size>${bytes.length}</Size><LastModified>${at.toISOString()}</LastModified></Contents>`,
      );
      response.writeHead(200, { "content-type": "application/xml" });
      response.end(
        `<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`,
      );
    } else if (request.method === "PUT") {
      const isRefused = !ignoresCondition && request.headers["if-none-match"] === "*" && objects.has(key);
      if (isRefused) return fail("PreconditionFailed", 412);
      objects.set(key, { bytes: Buffer.concat(chunks), at: new Date(Date.now() + aheadMs) });
      response.writeHead(200).end();
    } else if (request.method === "DELETE") {
      objects.delete(key);
      response.writeHead(204).end();
    } else {
      const found = objects.get(key);
      if (!found) return fail("NoSuchKey", 404);
      response.writeHead(200, { "content-length": found.bytes.length }).end(found.bytes);
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `s3://bucket/bots?endpoint=http://127.0.0.1:${port}&region=us-east-1`,
    objects,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
