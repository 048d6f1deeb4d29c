import { killOnServer } from "./kill-on-server.ts";

await killOnServer("mongo");
