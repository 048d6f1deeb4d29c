import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";

/** The authority of the certificate of {@link encrypted}, which is of `localhost` and `127.0.0.1`. */
export const authority: string = fileURLToPath(new URL("certificates/authority.pem", import.meta.url));
const here = (name: string): Buffer => readFileSync(new URL(`certificates/${name}`, import.meta.url));

/** The request of PostgreSQL for an encrypted connection: 8 bytes, which are answered by one. */
const POSTGRES_REQUEST_BYTES = 8;

/** A port that speaks TLS, before a server that does not. */
export interface Encrypted {
  readonly port: number;
  /** How many connections were encrypted. */
  count(): number;
  stop(): Promise<void>;
}

/** Opens such a port. @param behind the port of the server. @param speaks `postgres` asks for TLS in its own protocol */
export async function encrypted(behind: number, speaks: "redis" | "postgres" = "redis"): Promise<Encrypted> {
  const secureContext = createSecureContext({ key: here("server.key"), cert: here("server.pem") });
  const sockets = new Set<Socket>();
  let count = 0;
  const server: Server = createServer(async (socket) => {
    const upstream = connect(behind, "127.0.0.1");
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(one);
          socket.destroy();
          upstream.destroy();
        });
    }
    if (speaks === "postgres") {
      while (socket.readableLength < POSTGRES_REQUEST_BYTES) await once(socket, "readable");
      socket.read(POSTGRES_REQUEST_BYTES);
      socket.write("S");
    }
    const plain = new TLSSocket(socket, { isServer: true, secureContext });
    plain.on("error", () => socket.destroy());
    plain.on("secure", () => {
      count++;
    });
    plain.pipe(upstream).pipe(plain);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    count: () => count,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
