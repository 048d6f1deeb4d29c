import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { S3Blobs, S3Store } from "../../adapters/s3/index.ts";
import { type Service, s3Client } from "../support/services/index.ts";

/** Whatever is asked is answered with this: a server's refusals that no test can make it say. */
let answer: { status: number; type: string; body: string | Buffer };
/** Answers to some paths something else. */
let answerTo: (path: string, request: Partial<IncomingMessage>, body: Buffer) => typeof answer | undefined = () =>
  undefined;
let service: Service;
let asked: string[] = [];
let server: Server;
let client: S3Client;
let blobs: S3Blobs;

beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const path = request.url ?? "";
      asked.push(path);
      const { status, type, body } = answerTo(path, request, Buffer.concat(parts)) ?? answer;
      response.writeHead(status, { "content-type": type }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const env = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
  service = {
    name: "answers",
    env: { ...env, S3_ENDPOINT: `http://127.0.0.1:${port}` },
    way: "in this process",
    stop: async () => {},
  };
  client = s3Client(service, { maxAttempts: 1 });
  blobs = new S3Blobs({ client, bucket: "bucket" });
});
afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

afterEach(() => {
  answerTo = () => undefined;
  asked = [];
});

const html = (status: number): typeof answer => ({
  status,
  type: "text/html",
  body: "<html><head><title>404</title></head><body><p>page not found</p></body></html>",
});
/** As nginx writes it: no XML. */
const nginx413: typeof answer = {
  status: 413,
  type: "text/html",
  body: "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
};
const refusal = (status: number, code: string): typeof answer => ({
  status,
  type: "application/xml",
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.</Message></Error>`,
});

const calls: Record<string, () => Promise<unknown>> = {
  get: () => blobs.get("s/a"),
  list: async () => {
    for await (const { key } of blobs.list("s/")) return key;
    return undefined;
  },
  put: () => blobs.put("s/a", Buffer.from("x")),
  create: () => blobs.put("s/a", Buffer.from("x"), { ifAbsent: true }),
  delete: () => blobs.delete(["s/a"]),
};

describe("answers of S3, whichever method is called", () => {
  it.each<[string, typeof answer, { code: string; hint?: RegExp }]>([
    ["a proxy's 404", html(404), { code: "UNAVAILABLE", hint: /endpoint/ }],
    ["a proxy's 404 without a word", { ...html(404), body: "" }, { code: "UNAVAILABLE", hint: /endpoint/ }],
    ["a proxy's 502", html(502), { code: "UNAVAILABLE" }],
    ["SlowDown", refusal(503, "SlowDown"), { code: "UNAVAILABLE" }],
    ["a conflict that passes", refusal(409, "OperationAborted"), { code: "UNAVAILABLE" }],
    ["a bucket made a moment ago", refusal(307, "TemporaryRedirect"), { code: "UNAVAILABLE", hint: /region/ }],
    ["a quota (MinIO)", refusal(400, "XMinioAdminBucketQuotaExceeded"), { code: "UNAVAILABLE", hint: /full/ }],
    ["a quota (Ceph)", refusal(403, "QuotaExceeded"), { code: "UNAVAILABLE", hint: /full/ }],
    ["a full disk (MinIO)", refusal(507, "XMinioStorageFull"), { code: "UNAVAILABLE", hint: /full/ }],
    ["another region", refusal(301, "PermanentRedirect"), { code: "INVALID", hint: /region/ }],
    ["another region, unsaid", { ...html(301), body: "" }, { code: "INVALID", hint: /region/ }],
    [
      "another region, by its signature",
      refusal(400, "AuthorizationHeaderMalformed"),
      { code: "INVALID", hint: /region/ },
    ],
    ["no bucket", refusal(404, "NoSuchBucket"), { code: "INVALID", hint: /Create the bucket/ }],
    ["a wrong clock", refusal(403, "RequestTimeTooSkewed"), { code: "DENIED", hint: /clock/ }],
    [
      "a missing right, or a missing key to who may not list",
      refusal(403, "AccessDenied"),
      { code: "DENIED", hint: /ListBucket/ },
    ],
    ["an object in an archive", refusal(403, "InvalidObjectState"), { code: "DENIED", hint: /archive/ }],
    ["a proxy's 413 (nginx)", nginx413, { code: "TOO_LARGE", hint: /maxBlobBytes/ }],
    ["a proxy's 413 without a word", { ...html(413), body: "" }, { code: "TOO_LARGE", hint: /maxBlobBytes/ }],
    ["a body that is too large (AWS)", refusal(400, "EntityTooLarge"), { code: "TOO_LARGE", hint: /maxBlobBytes/ }],
    ["the same (others)", refusal(400, "RequestEntityTooLarge"), { code: "TOO_LARGE", hint: /maxBlobBytes/ }],
    ["an unknown key id", refusal(403, "InvalidAccessKeyId"), { code: "DENIED" }],
  ])("%s", async (_name, given, { code, hint }) => {
    answer = given;
    for (const [what, call] of Object.entries(calls)) {
      const error = await call().then(
        (result) => expect.fail(`${what} gave ${String(result)}`),
        (cause) => cause,
      );
      expect({ what, code: error.code, retryable: error.retryable }).toEqual({
        what,
        code,
        retryable: code === "UNAVAILABLE",
      });
      if (hint !== undefined) expect(error.hint).toMatch(hint);
      expect(error.message).not.toMatch(/UnknownError|undefined/);
    }
  });

  it("a page with status 200 is not an empty listing", async () => {
    const store = new S3Store({ client, bucket: "bucket", retries: 0 });
    for (const body of [html(200).body, ""]) {
      answer = { ...html(200), body };
      await expect(calls.list?.()).rejects.toMatchObject({ code: "UNAVAILABLE", hint: /endpoint/ });
      await expect(store.sessionExists({ session: "RemoteAuth" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    }
  });

  it("only the error NoSuchKey is an absence", async () => {
    answer = refusal(404, "NoSuchKey");
    expect(await blobs.get("s/a")).toBeUndefined();
    await blobs.delete(["s/a"]);
    for (const what of ["list", "put", "create"]) await expect(calls[what]?.()).rejects.toThrow("S3");
  });
});

it("reads no value that never ends, or is larger than any blob", async () => {
  let sent = 0;
  const piece = Buffer.alloc(1024 * 1024);
  const endless = async function* (): AsyncGenerator<Buffer> {
    for (; sent < 1024; sent++) yield piece;
  };
  const answers = [
    (): object => ({ Body: Readable.from(endless()) }),
    (): object => ({ Body: Readable.from([piece]), ContentLength: 1024 ** 3 }),
  ];
  for (const answered of answers) {
    const fake = { send: async () => answered(), config: {}, middlewareStack: client.middlewareStack };
    const endlessBlobs = new S3Blobs({ client: fake as unknown as S3Client, bucket: "bucket" });
    await expect(endlessBlobs.get("s/a")).rejects.toMatchObject({ code: "CORRUPT" });
  }
  expect(sent).toBeLessThan(128);
});

it("takes `maxBlobBytes` of 64 KiB to 16 MiB, and sends nothing larger", async () => {
  for (const maxBlobBytes of [65_535, 16 * 1024 * 1024 + 1]) {
    expect(() => new S3Blobs({ client, bucket: "b", maxBlobBytes })).toThrow("Expected `maxBlobBytes` to be");
  }
  const small = new S3Blobs({ client, bucket: "bucket", maxBlobBytes: 65_536 });
  await expect(small.put("s/a", Buffer.alloc(65_537))).rejects.toMatchObject({ code: "TOO_LARGE" });
  expect(asked).toEqual([]);
});

describe("the probe for exclusive creation", () => {
  const objects = new Map<string, Buffer>();
  afterEach(() => objects.clear());
  const ok = (body: string | Buffer, type = "application/xml"): typeof answer => ({ status: 200, type, body });

  /** A server that refuses each put with the condition, and is a good one otherwise. */
  const refusing =
    (refused: typeof answer): typeof answerTo =>
    (path, { method, headers }, body) => {
      const { pathname, searchParams } = new URL(path, "http://s3");
      const prefix = searchParams.get("prefix");
      if (prefix !== null) return ok(listing([...objects.keys()].filter((key) => key.startsWith(`/bucket/${prefix}`))));
      if (method === "GET") return ok(objects.get(pathname) ?? "", "application/octet-stream");
      if (method === "DELETE") objects.delete(pathname);
      if (method !== "PUT") return { ...ok(""), status: 204 };
      if (headers?.["if-none-match"] === "*") return refused;
      objects.set(pathname, body);
      return ok("");
    };
  const listing = (keys: string[]): string =>
    `<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>${keys.map((key) => `<Contents><Key>${key.slice(8)}</Key><Size>1</Size></Contents>`).join("")}<IsTruncated>false</IsTruncated></ListBucketResult>`;
  /** A key that is not there. */
  const orAbsent =
    (respond: typeof answerTo): typeof answerTo =>
    (path, request, body) =>
      request.method === "GET" && !path.includes("prefix=") && !objects.has(new URL(path, "http://s3").pathname)
        ? refusal(404, "NoSuchKey")
        : respond(path, request, body);

  it.each([
    ["501 NotImplemented (Alibaba OSS)", refusal(501, "NotImplemented")],
    ["400 NotImplemented (Alibaba OSS)", refusal(400, "NotImplemented")],
    ["501 without a word", { ...html(501), body: "" }],
    ["501 of a proxy", html(501)],
    ["400 InvalidArgument", refusal(400, "InvalidArgument")],
    ["400 InvalidRequest", refusal(400, "InvalidRequest")],
  ])("%s: the store works without fencing, with one warning that names the server", async (_, refused) => {
    answerTo = orAbsent(refusing(refused));
    const traits = await new S3Blobs({ client, bucket: "bucket" }).traits();
    expect(traits).toMatchObject({
      exclusiveCreate: false,
      exclusiveCreateHint: expect.stringMatching(/server refuses `If-None-Match/),
    });
    const warnings: string[] = [];
    const store = new S3Store({ client, bucket: "bucket", onWarning: (message) => warnings.push(message), retries: 0 });
    expect(await store.sessionExists({ session: "RemoteAuth" })).toBe(false);
    const lease = await store.acquire({ session: "RemoteAuth" });
    await lease.release();
    expect(warnings).toEqual([expect.stringMatching(/cannot create a key exclusively.*refuses `If-None-Match/)]);
  });

  it.each([
    ["no bucket", refusal(404, "NoSuchBucket"), "INVALID"],
    ["a missing right", refusal(403, "AccessDenied"), "DENIED"],
    ["an outage", refusal(503, "SlowDown"), "UNAVAILABLE"],
  ])("%s is no answer to it", async (_, refused, code) => {
    answerTo = (_path, { method }) => (method === "GET" ? refusal(404, "NoSuchKey") : refused);
    await expect(new S3Blobs({ client, bucket: "bucket" }).traits()).rejects.toMatchObject({ code });
  });

  it("an SDK that drops the condition is named, and not the server", async () => {
    const old = s3Client(service, { maxAttempts: 1 });
    // As versions before 3.635.0: the member is not in their model, and so in no request.
    old.middlewareStack.add(
      (next) => (args) => {
        delete (args.input as { IfNoneMatch?: string }).IfNoneMatch;
        return next(args);
      },
      { step: "initialize", name: "old" },
    );
    answerTo = orAbsent(refusing(refusal(501, "NotImplemented")));
    expect(await new S3Blobs({ client: old, bucket: "bucket" }).traits()).toMatchObject({
      exclusiveCreate: false,
      exclusiveCreateHint: expect.stringMatching(
        /not to blame: @aws-sdk\/client-s3 3\.\d+\.\d+ drops.*3\.635\.0 or newer/,
      ),
    });
    old.destroy();
  });
});

describe("a deletion of many keys", () => {
  const keys = Array.from({ length: 100 }, (_, index) => `s/${index}`);

  it("deletes all others when one key is refused for good, and reports that one", async () => {
    answer = { status: 204, type: "text/plain", body: "" };
    answerTo = (path) => (path.includes("/s/50") ? refusal(403, "AccessDenied") : undefined);
    await expect(blobs.delete(keys)).rejects.toMatchObject({ code: "DENIED" });
    expect(new Set(asked).size).toBe(keys.length);
  });

  it("ends at an outage", async () => {
    answer = refusal(503, "SlowDown");
    await expect(blobs.delete(keys)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(asked.length).toBeLessThan(keys.length);
  });
});

describe("a listing of several pages", () => {
  const page = (keys: string[], next?: string): typeof answer => ({
    status: 200,
    type: "application/xml",
    body: `<?xml version="1.0"?><ListBucketResult><Name>bucket</Name>${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join("")}<IsTruncated>${next !== undefined}</IsTruncated>${next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`}</ListBucketResult>`,
  });
  const tokens = (): (string | null)[] =>
    asked.map((path) => new URL(path, "http://s3").searchParams.get("continuation-token"));
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of blobs.list("s/")) found.push(key);
    return found;
  };

  it("asks for each page once, and for the last one until two answers agree", async () => {
    const last = [["s/4"], ["s/5"], ["s/5"]];
    answerTo = (path) => {
      if (path.includes("continuation-token=two")) return page(last.shift() ?? ["s/5"]);
      return path.includes("continuation-token=one") ? page(["s/2", "s/3"], "two") : page(["s/1"], "one");
    };
    expect(await keys()).toEqual(["s/1", "s/2", "s/3", "s/5"]);
    expect(tokens()).toEqual([null, "one", "two", "two", "two"]);
  });

  it("goes on where the last page has grown beyond its end meanwhile", async () => {
    const first = [page(["s/1"]), page(["s/1", "s/2"], "one"), page(["s/1", "s/2"], "one")];
    answerTo = (path) =>
      path.includes("continuation-token=one") ? page(["s/3"]) : (first.shift() ?? page(["s/1", "s/2"], "one"));
    expect(await keys()).toEqual(["s/1", "s/2", "s/3"]);
  });
});
