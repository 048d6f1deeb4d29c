import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { run } from "../../../cli/run.ts";
import { DEFAULT_PORT, listen } from "../../../cli/serve/listen.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { TOKEN } from "./support/status-rig.ts";

const folder = useFolder();
const SESSION = "RemoteAuth-support";
let store: FileStore;
let address: string;
let ended: AbortController;
let serving: Promise<number>[] = [];

beforeEach(() => {
  const directory = join(folder(), "sessions");
  address = `file:${directory}`;
  store = new FileStore({ directory });
  ended = new AbortController();
});
afterEach(async () => {
  ended.abort();
  await Promise.all(serving);
  serving = [];
});

async function save(value: string): Promise<number> {
  const lease = await store.acquire({ session: SESSION });
  const { generation } = await store.saveProfile({ session: SESSION, capture: captureOf(profileFiles(value)), lease });
  await lease.release();
  return generation;
}

interface Serving {
  readonly url: string;
  readonly said: Record<string, unknown>;
  readonly code: Promise<number>;
  errors(): string;
}

/** Runs the command until the test ends. Resolves once the page is served. */
async function serve(args: readonly string[] = ["--port", "0"], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const surroundings = { stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr, env, signal: ended.signal };
  const code = run(["serve", "--store", address, "--json", ...args], surroundings);
  serving.push(code);
  let isServed = false;
  const ending = code.then((): unknown[] => {
    // What it says at its end is for the test.
    if (isServed) return [];
    throw new Error(String(stderr.read()));
  });
  const line = await Promise.race([once(stdout, "data"), ending]);
  isServed = true;
  const said = JSON.parse(String(line[0]));
  return { url: said.url, said, code, errors: () => String(stderr.read() ?? "") };
}

const asJson = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
const WITH_TOKEN = { WA_VAULT_SERVE_TOKEN: TOKEN };

describe("wa-vault serve", () => {
  it("serves the sessions of a store on this machine alone, until it is ended", async () => {
    await save("one");
    const { url, said, code, errors } = await serve();
    expect(said).toEqual({ store: address, url, host: "127.0.0.1", port: Number(new URL(url).port), canChange: false });
    const told = (await (await fetch(`${url}/api/sessions`)).json()) as { sessions: unknown[] };
    expect(told.sessions).toMatchObject([{ session: SESSION, status: "stored", kind: "profile" }]);
    const events = await fetch(`${url}/api/events`);
    expect(errors()).toContain("It shows, and changes nothing.");
    ended.abort();
    expect(await code).toBe(0);
    expect(await events.text()).toContain(SESSION);
  });

  it("rolls back, and tells who watches; a generation that is current stays", async () => {
    const first = await save("one");
    const second = await save("two");
    const { url } = await serve(["--port", "0", "--every", "1h"], WITH_TOKEN);
    const events = await fetch(`${url}/api/events`, { headers: asJson });
    const post = (generation: number): Promise<Response> =>
      fetch(`${url}/api/sessions/${SESSION}/rollback`, {
        method: "POST",
        headers: asJson,
        body: JSON.stringify({ generation }),
      });
    expect((await post(first)).status).toBe(200);
    const state = await store.state({ session: SESSION });
    expect(state?.current?.generation).toBe(first);
    expect(state?.generations.map(({ generation }) => generation)).toEqual([first, second]);
    expect(state?.lease).toBeUndefined();
    expect((await post(first)).status).toBe(200);
    expect((await post(second)).status).toBe(200);
    expect((await store.state({ session: SESSION }))?.current?.generation).toBe(second);
    ended.abort();
    expect((await events.text()).match(/^event: update$/gm)?.length).toBeGreaterThanOrEqual(2);
  });

  it("changes nothing of a session that a bot has", async () => {
    const first = await save("one");
    await save("two");
    const lease = await store.acquire({ session: SESSION });
    const { url } = await serve(undefined, WITH_TOKEN);
    const body = JSON.stringify({ generation: first });
    const answer = await fetch(`${url}/api/sessions/${SESSION}/rollback`, { method: "POST", headers: asJson, body });
    expect([answer.status, await answer.json()]).toMatchObject([409, { error: { code: "LEASE_HELD" } }]);
    expect(lease.lost.aborted).toBe(false);
    await lease.release();
  });

  it("takes a deletion back", async () => {
    await save("one");
    await store.delete({ session: SESSION });
    const { url } = await serve(undefined, WITH_TOKEN);
    const undelete = (session: string): Promise<Response> =>
      fetch(`${url}/api/sessions/${session}/undelete`, { method: "POST", headers: asJson, body: "{}" });
    expect((await undelete(SESSION)).status).toBe(200);
    expect(await store.sessionExists({ session: SESSION })).toBe(true);
    expect((await undelete("RemoteAuth-nobody")).status).toBe(404);
    expect(await store.state({ session: "RemoteAuth-nobody" })).toBeUndefined();
  });

  it("takes its token from a file, and names it nowhere", async () => {
    const file = join(folder(), "token");
    writeFileSync(file, `${TOKEN}\n`);
    const { url, said, errors } = await serve(undefined, { WA_VAULT_SERVE_TOKEN_FILE: file });
    expect((await fetch(`${url}/api/sessions`)).status).toBe(401);
    expect((await fetch(`${url}/api/sessions`, { headers: asJson })).status).toBe(200);
    expect(JSON.stringify(said) + errors()).not.toContain(TOKEN);
  });

  it("names who shows a wrong token, once a minute, and says the rest at its end", async () => {
    const { url, errors, code } = await serve(undefined, WITH_TOKEN);
    errors();
    const ask = (token: string): Promise<Response> =>
      fetch(`${url}/api/qr`, { headers: { authorization: `Bearer ${token}` } });
    for (let n = 0; n < 4; n++) expect((await ask(`a-wrong-token-${n}`)).status).toBe(401);
    expect(errors()).toBe("warning: A wrong token was shown from 127.0.0.1.\n");
    ended.abort();
    expect(await code).toBe(0);
    expect(errors()).toBe("warning: 3 more wrong tokens were shown, from 127.0.0.1.\n");
  });

  it("names a fault of its own by an id, and says under it what it was, without secrets", async () => {
    const { url, errors } = await serve();
    errors();
    const fault = new RangeError("at /srv/bots/x.js: redis://user:hush@host\u001b[2J");
    const state = vi.spyOn(Vault.prototype, "state").mockRejectedValue(fault);
    const answer = await fetch(`${url}/api/sessions/${SESSION}`);
    state.mockRestore();
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([500, "UNKNOWN"]);
    const [, id] = /fault ([0-9a-f]{8})\.$/.exec(error.message) ?? [];
    expect(id).toBeDefined();
    expect(JSON.stringify(error)).not.toMatch(/srv|host/);
    const said = errors();
    expect(said).toContain(`warning: Fault ${id}: RangeError: at /srv/bots/x.js: redis://host`);
    expect(said).not.toContain("hush");
    expect(said).not.toContain("\u001b");
  });

  it("serves other machines with a token only, and says that nothing is encrypted on the way", async () => {
    for (const host of ["0.0.0.0", "::"]) {
      const refused = await runCli(["serve", "--store", address, "--host", host]);
      expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("WA_VAULT_SERVE_TOKEN") });
    }
    const { url, errors } = await serve(
      ["--host", "0.0.0.0", "--port", "0", "--allow-host", "status.example.com"],
      WITH_TOKEN,
    );
    expect((await fetch(`${url}/api/sessions`, { headers: asJson })).status).toBe(200);
    expect(errors()).toContain("without TLS");
  });

  it("says that another process has the port that was chosen", async () => {
    const other: Server = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const refused = await runCli(["serve", "--store", address, "--port", String(port)]);
    expect(refused).toMatchObject({ code: 9, stdout: "", stderr: expect.stringContaining("another process uses it") });
    other.close();
  });

  it("takes a free port when nobody has chosen one and its own is in use", async () => {
    const [first, second] = [createServer(), createServer()];
    await listen(first, "127.0.0.1", undefined);
    const port = await listen(second, "127.0.0.1", undefined);
    expect(port).not.toBe(DEFAULT_PORT);
    expect((second.address() as AddressInfo).port).toBe(port);
    for (const one of [first, second]) one.close();
  });

  it.each([
    [["--port", "x"], "is no port"],
    [["--port", "70000"], "is no port"],
    [["--every", "0s"], "of at least 1s"],
    [["--every", "10"], "with a unit"],
    [["--every", "soon"], "Expected `--every` to be a duration"],
    [["--older-than", "-1d"], "Expected `--older-than` to be a duration"],
    [["--host", "no.such.host.invalid"], "is no address"],
    [["--host", "192.0.2.1", "--port", "0"], "is no address of this machine"],
    [["--allow-host", "https://x/"], "is no host name"],
  ])("refuses %j", async (args, why) => {
    const { code, stdout, stderr } = await runCli(["serve", "--store", address, ...args], { env: WITH_TOKEN });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(why);
  });

  it.each(["short", "has a space in its middle", "has letters like é and ü"])("refuses the token %j", async (token) => {
    const { code, stderr } = await runCli(["serve", "--store", address], { env: { WA_VAULT_SERVE_TOKEN: token } });
    expect(code).toBe(2);
    expect(stderr).toContain("openssl rand");
    expect(stderr).not.toContain(token);
  });

  it("ends at once when what the person has typed is no store", async () => {
    const { code, stdout, stderr } = await runCli(["serve", "--store", "ftp://host/folder"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("INVALID");
  });

  it("serves while the store is away, says so, and shows its sessions once it is there", async () => {
    const place = address.slice("file:".length);
    // A volume that is not mounted yet.
    writeFileSync(place, "");
    const { url, errors } = await serve(["--port", "0", "--every", "1s"]);
    expect(errors()).toContain("The store does not answer yet");
    const told = async (): Promise<unknown> => await (await fetch(`${url}/api/sessions`)).json();
    expect(await told()).toMatchObject({ away: { code: "UNAVAILABLE", since: expect.any(String) }, sessions: [] });
    rmSync(place);
    await save("one");
    await expect.poll(told).toMatchObject({ sessions: [{ session: SESSION }] });
    expect(await told()).not.toHaveProperty("away");
  });
});
