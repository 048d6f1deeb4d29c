import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Sends bytes as they are, which no client library would, and reads until the server closes the connection. */
export async function rawRequest(port: number, text: string): Promise<{ status: number; text: string }> {
  const socket = await rawConnection(port, text);
  const said = await untilClosed(socket);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1] ?? 0), text: said };
}

/** As {@link rawRequest}, and leaves the connection open. */
export async function rawConnection(port: number, text: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

/** What the server has said by the time it closes the connection. */
export async function untilClosed(socket: Socket): Promise<string> {
  let said = "";
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => {
    said += piece;
  });
  // A connection that is cut off has said what it has said.
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return said;
}
