import { goProgram } from "./go.ts";
import { freePort } from "./ports.ts";
import { obtain, type Program } from "./programs.ts";
import { launch, type OwnService } from "./service.ts";

const TOXIPROXY = {
  program: "toxiproxy-server",
  module: "github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0",
  go: 17,
};

/** A network that can be made bad: proxies in front of any server. */
export interface BadNetwork extends OwnService {
  /** Opens a proxy in front of a loopback port. */
  between(upstream: number): Promise<Line>;
}

/** One proxied port. */
export interface Line {
  readonly port: number;
  /**
   * Makes the line bad, e.g. `{ type: "reset_peer", attributes: { timeout: 0 } }`; see toxiproxy's README for the
   * types.
   * @param toxic.stream the direction: to the client, or from the client. @default "downstream"
   */
  poison(toxic: Toxic): Promise<void>;
  /** Takes away what {@link Line.poison} did; connections stay. Only of what keeps nothing back for good. */
  cure(toxic: Pick<Toxic, "type" | "stream">): Promise<void>;
  /** Cuts all connections and takes no new ones, until `heal`. */
  cut(): Promise<void>;
  /** Makes the line good again; connections that were there are closed. */
  heal(): Promise<void>;
}

/** See toxiproxy's README. */
export interface Toxic {
  type: "latency" | "bandwidth" | "slow_close" | "timeout" | "reset_peer" | "slicer" | "limit_data";
  stream?: "downstream" | "upstream";
  attributes: Record<string, number>;
}

/** `toxiproxy-server`, which is built in seconds where it is not installed. @throws ServiceMissing */
export function obtainToxiproxy(): Promise<Program> {
  return obtain({
    program: "toxiproxy-server",
    image: { image: "ghcr.io/shopify/toxiproxy:2.5.0" },
    source: goProgram(TOXIPROXY),
    hint: "Install toxiproxy-server, start Docker, or install Go.",
  });
}

export async function startToxiproxy(): Promise<BadNetwork> {
  const service = await launch({
    name: "toxiproxy",
    program: await obtainToxiproxy(),
    args: ({ port }) => ["-host", "127.0.0.1", "-port", String(port)],
    ready: async (port) => (await fetch(`http://127.0.0.1:${port}/version`)).ok,
    address: (port) => ({ TOXIPROXY_URL: `http://127.0.0.1:${port}` }),
  });
  const between = (upstream: number): Promise<Line> => openProxy(`http://127.0.0.1:${service.port}`, upstream);
  return Object.assign(service, { between });
}

async function openProxy(api: string, upstream: number): Promise<Line> {
  const port = await freePort();
  const name = `to-${upstream}-${port}`;
  const proxy = `${api}/proxies/${name}`;
  const listen = `127.0.0.1:${port}`;
  const opened = { name, listen, upstream: `127.0.0.1:${upstream}`, enabled: true };
  await send("POST", `${api}/proxies`, opened);
  return {
    port,
    poison: ({ type, stream = "downstream", attributes }) =>
      send("POST", `${proxy}/toxics`, { name: `${type}-${stream}`, type, stream, attributes, toxicity: 1 }),
    cure: ({ type, stream = "downstream" }) => send("DELETE", `${proxy}/toxics/${type}-${stream}`),
    cut: () => send("POST", proxy, { enabled: false }),
    heal: async () => {
      // Anew, because taking a toxic away waits for what is stuck in it.
      await send("DELETE", proxy);
      await send("POST", `${api}/proxies`, opened);
    },
  };
}

async function send(method: string, url: string, body?: object): Promise<void> {
  const options = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(url, options);
  const text = await response.text();
  if (!response.ok) throw new Error(`toxiproxy: ${method} ${url}: ${response.status} ${text}`);
}
