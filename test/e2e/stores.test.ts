// Our stores.
import { useRig } from "../support/rig.ts";
import { startMongo, startPostgres, startRedis, startS3 } from "../support/services/index.ts";
import { storeLives } from "./store-life.ts";

const rig = useRig();

await storeLives(rig, ["Redis", startRedis, ["redis"]]);
await storeLives(rig, ["S3", startS3, ["s3"]]);
await storeLives(rig, ["MongoDB", startMongo, ["mongo"]]);
await storeLives(rig, ["PostgreSQL", startPostgres, ["postgres"]]);
