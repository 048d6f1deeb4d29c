// `npm run services`: starts every service, prints its address as shell exports, and stops them all on Ctrl-C.
import { type Service, ServiceMissing, startMongo, startPostgres, startRedis, startS3 } from "./index.ts";

const started: Service[] = [];
let stopping = false;

async function stop(): Promise<void> {
  stopping = true;
  for (const service of started.splice(0)) await service.stop();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

for (const start of [startRedis, startS3, startMongo, startPostgres]) {
  try {
    const service = await start();
    started.push(service);
    console.log(`# ${service.way}`);
    for (const [name, value] of Object.entries(service.env)) console.log(`export ${name}=${value}`);
  } catch (error) {
    if (!(error instanceof ServiceMissing)) throw error;
    console.log(`# ${error.message}`);
  }
  if (stopping) await stop();
}
console.log("# Ctrl-C stops them.");
// The servers are children; this keeps the parent here until it is told to end.
setInterval(() => {}, 1 << 30);
