// Shows the stored generations of a session, rolls back, and takes a logout back. Stop the bot first: while it runs, the
// commands that change something end with LEASE_HELD.
//   npx tsx recover.mts RemoteAuth-support             lists the stored generations
//   npx tsx recover.mts RemoteAuth-support 41          makes generation 41 the current one; deletes nothing
//   npx tsx recover.mts RemoteAuth-support undelete    takes a logout back, when the phone still lists the device
import { FileStore } from "wa-vault/fs";

const store = new FileStore({ directory: process.env.SESSIONS ?? "./volume/sessions" });
const [session = "RemoteAuth", wish] = process.argv.slice(2);

if (wish !== undefined && (await store.state({ session })) !== undefined) {
  const lease = await store.acquire({ session });
  if (wish === "undelete") await store.undelete({ session, lease });
  else await store.rollback({ session, lease, generation: Number(wish) });
  await lease.release();
}

const state = await store.state({ session });
if (state === undefined) console.log(`${session}: nothing was ever stored here.`);
if (state?.deleted !== undefined) console.log(`${session}: deleted ${state.deleted.at.toISOString()}`);
for (const { generation, at, files, bytes, proven, rejected, suspect } of state?.generations ?? []) {
  const marks = { current: generation === state?.current?.generation, proven, rejected, suspect };
  const names = Object.entries(marks).flatMap(([name, is]) => (is ? [name] : []));
  console.log(`${generation}  ${at.toISOString()}  ${files} files, ${bytes} bytes  ${names.join(", ")}`);
}
