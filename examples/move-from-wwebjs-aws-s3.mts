// Moves a session from wwebjs-aws-s3 to S3Store, without a QR. Stop the bot, run this script once, and start the bot
// with wa-vault's RemoteAuth and S3Store. A bot without a clientId has the session RemoteAuth.
//   npx tsx move-from-wwebjs-aws-s3.mts RemoteAuth-support
import * as sdk from "@aws-sdk/client-s3";
import { copySession } from "wa-vault";
import { S3Store } from "wa-vault/s3";
import { AwsS3Store } from "wwebjs-aws-s3";

const [session = "RemoteAuth"] = process.argv.slice(2);
const { S3_ENDPOINT, S3_BUCKET = "my-sessions", S3_FOLDER = "sessions", DATA_PATH = "./.wwebjs_auth/" } = process.env;
// Keys and region come from AWS_*. S3_ENDPOINT is for servers that are not AWS.
const client = new sdk.S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {});

const from = new AwsS3Store({
  bucketName: S3_BUCKET,
  remoteDataPath: S3_FOLDER,
  s3Client: client,
  putObjectCommand: sdk.PutObjectCommand,
  headObjectCommand: sdk.HeadObjectCommand,
  getObjectCommand: sdk.GetObjectCommand,
  deleteObjectCommand: sdk.DeleteObjectCommand,
});
const to = new S3Store({ client, bucket: S3_BUCKET, prefix: "wa-vault/" });
// The `dataPath` of the bot: whatsapp-web.js 1.34.5 and 1.34.6 made it a part of the session's name.
const onProgress = ({ step }: { step: string }) => console.log(`${step} …`);
const report = await copySession({ from, to, session, dataPath: DATA_PATH, onProgress });
console.log(`${session} was moved: ${report.files} files, ${report.bytes} bytes. The old store still has it.`);
