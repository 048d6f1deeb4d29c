import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { exitOf } from "../support/child-exit.ts";
import { scratchFolder } from "../support/scratch.ts";
import { root } from "./example.ts";

const text = readFileSync(join(root, "docs/writing-an-adapter.md"), "utf8");
const [adapter = "", suites = ""] = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);

/** Names on a page of a listing. */
const PAGE = 100;

let server: Server;
let values: Map<string, { bytes: Buffer; modified: string }>;

beforeEach(async () => {
  values = new Map();
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The server that the document describes. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    // The client has given the request up: nothing is stored.
    return;
  }
  const end = (status: number, body: Buffer | string = ""): void => void response.writeHead(status).end(body);
  if (request.headers.authorization !== "Bearer secret") return end(401);
  const { pathname, searchParams } = new URL(request.url ?? "", "http://server");
  const [, folder = ""] = pathname.split("/");
  const prefix = searchParams.get("prefix");
  if (prefix !== null) return end(200, listing(`/${folder}/`, prefix, searchParams.get("after") ?? ""));
  const found = values.get(pathname);
  if (request.method === "PUT") {
    if (found && request.headers["if-none-match"] === "*") return end(412);
    values.set(pathname, { bytes: Buffer.concat(chunks), modified: new Date().toISOString() });
    return end(201);
  }
  if (!found) return end(404);
  if (request.method === "DELETE") values.delete(pathname);
  return end(200, request.method === "GET" ? found.bytes : "");
}

function listing(folder: string, prefix: string, after: string): string {
  const names = [...values.keys()]
    .filter((name) => name.startsWith(folder + prefix))
    .map((name) => name.slice(folder.length))
    .filter((name) => name > after)
    .sort();
  const entries = names.slice(0, PAGE).map((key) => {
    const { bytes, modified } = values.get(folder + key) ?? { bytes: Buffer.alloc(0), modified: "" };
    return { key, size: bytes.length, modified };
  });
  return JSON.stringify({ entries, next: names.length > PAGE ? names[PAGE - 1] : undefined });
}

it("the adapter of docs/writing-an-adapter.md passes the suites as the document runs them", async () => {
  const { port } = server.address() as AddressInfo;
  const folder = scratchFolder("adapter-");
  writeFileSync(join(folder, "http.mts"), adapter);
  const testing = suites.replace('"wa-vault/testing"', JSON.stringify(join(root, "test/contract/index.ts")));
  writeFileSync(join(folder, "http.test.mts"), `import { HttpBlobs, HttpStore } from "./http.mts";\n${testing}`);
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "http.test.mts"], {
    cwd: folder,
    env: {
      ...process.env,
      TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
      SERVER: `http://127.0.0.1:${port}/`,
      NODE_TEST_CONTEXT: undefined,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  expect(await exitOf(child), output).toEqual([0, null]);
  const [, passed = "0"] = /^# pass (\d+)$/m.exec(output) ?? [];
  expect(Number(passed), output).toBeGreaterThan(20);
  expect(output).toMatch(/^# fail 0$/m);
});
