// Moves a session from wwebjs-mongo to MongoStore, without a QR. Stop the bot, run this script once, and start the bot
// with wa-vault's RemoteAuth and MongoStore. A bot without a clientId has the session RemoteAuth.
//   npx tsx move-from-wwebjs-mongo.mts RemoteAuth-support
import mongoose from "mongoose";
import { copySession } from "wa-vault";
import { MongoStore } from "wa-vault/mongo";
import { MongoStore as OldStore } from "wwebjs-mongo";

const [session = "RemoteAuth"] = process.argv.slice(2);
await mongoose.connect(process.env.MONGODB_URI ?? "mongodb://127.0.0.1:27017/bots");
try {
  const report = await copySession({
    from: new OldStore({ mongoose }),
    to: new MongoStore({ mongoose }),
    session,
    // The `dataPath` of the bot: whatsapp-web.js 1.34.5 and 1.34.6 made it a part of the session's name.
    dataPath: process.env.DATA_PATH ?? "./.wwebjs_auth/",
    onProgress: ({ step }) => console.log(`${step} …`),
  });
  console.log(`${session} was moved: ${report.files} files, ${report.bytes} bytes. The old store still has it.`);
} finally {
  await mongoose.disconnect();
}
