export { newBucket, s3Client, unique } from "./clients.ts";
export { isStandIn, startMongo, startOwnMongo } from "./mongo.ts";
export { freePort } from "./ports.ts";
export { startOwnPostgres, startPgBouncer, startPostgres, startPostgresStandby } from "./postgres.ts";
export { obtainTool, ServiceMissing } from "./programs.ts";
export {
  command,
  type RedisNodes,
  SENTINEL_MASTER,
  type SentinelNodes,
  startOwnRedis,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from "./redis.ts";
export { startMinio, startOwnS3, startS3, startVersity } from "./s3.ts";
export type { OwnService, Service } from "./service.ts";
export { type BadNetwork, type Line, startToxiproxy, type Toxic } from "./toxiproxy.ts";
