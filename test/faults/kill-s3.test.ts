import { killOnServer } from "./kill-on-server.ts";

await killOnServer("s3");
