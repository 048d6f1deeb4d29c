// Opens the store of WA_VAULT_STORE in a process of its own, saves a session if it is told to, and ends by itself when
// nothing keeps it: it never calls `process.exit`.
import { storeFromUrl } from "../../../address/store-from-url.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";

const [saves, closes] = ["save", "close"].map((word) => process.argv.includes(word));
const session = "RemoteAuth-child";
const store = await storeFromUrl();
if (saves) {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, capture: captureOf(profileFiles("of a child")), lease });
  await lease.release();
}
console.log(String((saves ? await store.state({ session }) : undefined)?.current !== undefined));
if (closes) await store.close();
