// The published stores, which have whatsapp-web.js's four methods.
import { useRig } from "../support/rig.ts";
import { startMongo, startS3 } from "../support/services/index.ts";
import { storeLives } from "./store-life.ts";

const rig = useRig();

await storeLives(rig, ["S3", startS3, ["wwebjs-aws-s3"]]);
await storeLives(rig, ["MongoDB", startMongo, ["wwebjs-mongo"]]);
