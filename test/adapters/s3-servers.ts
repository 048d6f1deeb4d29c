import { onlyLong } from "../support/length.ts";
import { type Service, startMinio, startS3, startVersity } from "../support/services/index.ts";

type Server = readonly [name: string, start: () => Promise<Service>];

/** Every dialect of S3 that is tested. */
export const s3Servers: readonly Server[] = [
  ["S3", startS3],
  ...onlyLong<Server>(["MinIO", startMinio], ["versitygw", startVersity]),
];
