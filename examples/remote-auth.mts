// A bot whose machine may vanish: its session is in a directory that outlives the machine, for instance a volume. For a
// bucket or a database use S3Store, MongoStore, RedisStore or PostgresStore from "wa-vault/s3", "wa-vault/mongo",
// "wa-vault/redis" or "wa-vault/postgres".
import qrcode from "qrcode-terminal";
import { RemoteAuth, type RestoreReport, type SaveReport } from "wa-vault";
import { FileStore } from "wa-vault/fs";
import { Client } from "whatsapp-web.js";

const store = new FileStore({ directory: process.env.SESSIONS ?? "./volume/sessions" });
const authStrategy = new RemoteAuth({ store, clientId: "support", backupSyncIntervalMs: 300_000 });
const client = new Client({ authStrategy });

client.on("qr", (qr) => qrcode.generate(qr, { small: true }));
client.on("ready", () => console.log("ready"));
client.on("remote_session_restored", ({ files, bytes, ms }: RestoreReport) => {
  console.log(`restored ${files} files, ${bytes} bytes, in ${Math.round(ms)} ms`);
});
client.on("remote_session_saved", ({ generation, unchanged, bytesSent }: SaveReport) => {
  console.log(unchanged ? "nothing new to save" : `saved generation ${generation}, ${bytesSent} bytes sent`);
});
client.on("remote_session_error", (error) => console.error(error));

// When the store is unavailable, initialize() rejects and no QR is shown. On SIGTERM the session is saved a last time.
await client.initialize();
