import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileAddress } from "../../address/file-address.ts";
import { hasSecret, parseAddress, secretsOf } from "../../address/parse-address.ts";
import { refusalOf } from "./support/refused.ts";

/** Addresses that are refused, what the message says, and what the hint says. Each secret has "hush" in it. */
const WRONG: Record<string, readonly (readonly [address: string, message: string, hint?: string])[]> = {
  "an address that is none": [
    ["", "is empty", "file:./sessions"],
    ["  \t ", "is empty"],
    ["\u{FEFF}\n", "is empty"],
    ["sessions", "has no scheme", "`file:./name`"],
    ["./sessions", "has no scheme", "`file:` before its path"],
    ["/var/lib/sessions", "has no scheme", "`file:` before its path"],
    ["~/sessions", "has no scheme", "`file:` before its path"],
    ["C:\\sessions", "has no scheme", "`file:` before its path"],
    ["hush-password-alone", "has no scheme"],
    ["127.0.0.1:6379", "has no scheme", "`redis://…`"],
    ["user:hush@host", "has no scheme"],
    ["://host", "has no scheme"],
    ['"s3://bucket"', "quotation marks", "--env-file"],
    ["'redis://:hush@host'", "quotation marks", "Remove them"],
    ["s3://bucket\ns3://other", "line break", "one line"],
    ["redis://:hush\r\n@host", "line break"],
    ["s3://buc\u0000ket", "line break, or another character"],
  ],
  "a scheme that is not known": [
    ["s4://bucket", "`s4`, which is not known", "`s3` is meant?"],
    ["mongo://user:hush@host/db", "`mongo`, which is not known", "`mongodb` is meant?"],
    ["mongodbs://host/db", "`mongodbs`, which is not known", "`mongodb` is meant?"],
    ["reddis://:hush@host", "`reddis`, which is not known", "`redis` is meant?"],
    ["postgre://u:hush@host/db", "`postgre`, which is not known", "`postgres` is meant?"],
    ["pg://u:hush@host/db", "`pg`, which is not known", "`postgres` is meant?"],
    ["minio://bucket", "`minio`, which is not known", "`s3` is meant?"],
    ["mysql://u:hush@host/db", "`mysql`, which is not known", "Addresses are"],
    ["https://bucket.s3.amazonaws.com/x", "`https`, which is not known", "s3://bucket?endpoint=https://…"],
  ],
  "a bucket": [
    ["s3:/bucket", "cannot be read", "begins with `s3://`"],
    ["s3:bucket", "cannot be read", "begins with `s3://`"],
    ["s3://", "has no bucket", "`s3://bucket/folder`"],
    ["s3:///folder", "has no bucket"],
    ["s3://AKIAKEY:hush@bucket", "no user, password or keys", "AWS_ACCESS_KEY_ID"],
    ["s3://hush@bucket", "no user, password or keys"],
    ["s3://bucket?accessKeyId=AKIA&secretAccessKey=hush", "no user, password or keys"],
    ["s3://127.0.0.1:9000/bucket", "a host in the place of the bucket", "endpoint="],
    ["s3://s3.eu-central-1.amazonaws.com/bucket", "a host in the place of the bucket", "endpoint="],
    ["s3://b", "cannot be one", "three"],
    ["s3://my..bucket", "cannot be one"],
    ["s3://bucket/../other", "`.` or `..`"],
    ["s3://bucket/100%", "a `%` that encodes nothing", "`%25`"],
    ["s3://bucket#folder", "cannot be read", "`%23`"],
    ["s3://bucket?regoin=eu-central-1", "`regoin`", "`region` is meant?"],
    ["s3://bucket?prefix=x", "`prefix`", "It takes `region`"],
    ["s3://bucket?region=a&region=b", "`region` twice"],
    ["s3://bucket?region=", "without a value: `region`"],
    ["s3://bucket?region=a&endpoint=minio:9000", "Expected `endpoint`", "endpoint=http://127.0.0.1:9000"],
    ["s3://bucket?endpoint=http%3A%2F%2Fuser%3Ahush%40host", "no user, password or keys"],
    ["s3://bucket?region=a&forcePathStyle=yes", "Expected `forcePathStyle` of the address to be true or false"],
  ],
  "a directory": [
    ["file:", "names no directory", "file:./sessions"],
    ["file://", "names no directory"],
    ["file:  ", "names no directory"],
    ["file:/", "the root of the disk"],
    ["file:///", "the root of the disk"],
    ["file://host/x", "another machine", "stands a host"],
    ["file://./sessions", "another machine", "`file:./sessions`"],
    ["file://sessions", "another machine", "`file:./sessions`"],
    ["file://~/sessions", "another machine", "`file:~/sessions`"],
    ["file:~bob/sessions", "the home of another user", "the whole path"],
    ["file:./100%", "a `%` that encodes nothing", "`%25`"],
    ["file:./a?b", "has a `?` or a `#`", "`%3F`"],
    ["file:///var/a#b", "has a `?` or a `#`", "`%23`"],
    ["file:///x?password=hush", "file:///x has a `?`", "no parameters"],
    ["file:./x#hush?hush", "file:./x has a `?`", "no parameters"],
    ["redis://host?pasword=hush", "redis://host has a parameter that is not known: `pasword`"],
    ["s3://bucket?secrte=hush&sessionTokn=hush", "s3://bucket has a parameter that is not known: `secrte`"],
    ["file:./sessions?keep=3", "has a `?` or a `#`", "no parameters"],
    ["file:./a%00b", "names no directory"],
    ...(process.platform === "win32"
      ? []
      : ([
          ["file:C:\\sessions", "has a path of Windows"],
          ["file:C:/sessions", "has a path of Windows"],
          ["file:///C:/sessions", "has a path of Windows"],
          ["file://C:/sessions", "has a path of Windows"],
          ["file:.\\sessions", "has a path of Windows"],
          ["file:\\\\server\\share", "has a path of Windows"],
        ] as const)),
  ],
  "a MongoDB": [
    ["mongodb://host", "names no database", "mongodb://user:password@host:27017/database"],
    ["mongodb://user:hush@host/", "names no database"],
    ["mongodb://user:hush@host/?retryWrites=true", "names no database"],
    ["mongodb+srv://user:hush@cluster.example.net/?w=majority", "names no database", "mongodb+srv://"],
    ["mongodb://host/a/b", "more than one name"],
    ["mongodb://host/my.db", "names a database with"],
    ["mongodb:///db", "has no host"],
    ["mongodb://:hush@host/db", "a password, and no user"],
    ["mongodb://user:hush/slash@host/db", "cannot be read", "`%2F`"],
    ["mongodb://user:hu?hush@host/db", "cannot be read", "`%3F`"],
    ["mongodb://user:hush#x@host/db", "cannot be read", "`%23`"],
    ["mongodb://user:hush%@host/db", "a `%` that encodes nothing", "`%25`"],
    ["mongodb://host:port/db", "a port that is none", "65535"],
    ["mongodb://a,,b/db", "a host that is none"],
    ["mongodb+srv://cluster.example.net:27017/db", "has a port", "`cluster.example.net` alone"],
    ["mongodb+srv://a.example.net,b.example.net/db", "several hosts"],
    ["mongodb://host/db?authsorce=admin", "`authsorce`", "`authSource` is meant?"],
    ["mongodb://host/db?colection=x", "`colection`", "`collection` is meant?"],
    ["mongodb://host/db?tls=perhaps", "was refused by the library"],
    ["mongodb://host/db?w=1&W=2", "`w` twice"],
  ],
  "a Redis": [
    ["redis://", "has no host"],
    ["redis:///0", "has no host"],
    ["redis://host/x", "number of a database", "redis://:password@host:6379/0"],
    ["redis://host/-1", "number of a database"],
    ["redis://host/1.5", "number of a database"],
    ["redis://host/0/x", "number of a database"],
    ["redis://host:0", "a port that is none", "6379"],
    ["redis://host:99999", "a port that is none"],
    ["redis://::1:6379", "a host that is none", "[::1]"],
    ["redis://hush@host", "one word before its host", "redis://:password@host"],
    ["redis://:hush/x@host", "cannot be read", "`%2F`"],
    ["redis://:hush#x@host", "cannot be read", "`%23`"],
    ["redis://:hush?x@host", "cannot be read", "`%3F`"],
    ["redis://:hush%zz@host", "a `%` that encodes nothing"],
    ["redis://host?password=hush", "in the place of something else", "redis://:password@host"],
    ["redis://host?db=2", "in the place of something else", "redis://host/2"],
    ["redis://host?tlsCAFile=/x", "in the place of something else", "rediss://…"],
    ["redis://host?ttl=5", "`ttl`", "It takes `prefix`, `ttlSeconds`"],
    ["redis://host?ttlSeconds=5m", "Expected `ttlSeconds`"],
    ["redis://host?prefix=a%7Bb", "Expected `prefix`"],
    ["redis://a,b", "several hosts", "redis+cluster://"],
    ["redis+cluster://a,b/1", "a Cluster has no other", "`prefix`"],
    ["redis+sentinel://a,b", "does not name the master", "/mymaster"],
    ["redis+sentinel://a,b/mymaster/x", "number of a database"],
    ["redis+sentinels://a/m", "`redis+sentinels`, which is not known", "`redis+sentinel` is meant?"],
  ],
  "a PostgreSQL": [
    ["postgres://", "has no host"],
    ["postgres:///db", "has no host"],
    ["postgres://host/a/b", "more than one name", "postgres://user:password@host:5432/database"],
    ["postgresql://u:hush/x@host/db", "cannot be read", "`%2F`"],
    ["postgres://u:hush?x@host/db", "cannot be read"],
    ["postgres://u:hush%@host/db", "a `%` that encodes nothing"],
    ["postgres://a,b/db", "several hosts", "takes writes"],
    ["postgres://host:no/db", "a port that is none"],
    ["postgres://host/db?tabel=x", "`tabel`", "`table` is meant?"],
    ["postgres://host/db?table=a.b.c", "Expected `table`"],
    ["postgres://host/db?sslmode=prefer", "is not possible", "sslmode=require"],
    ["postgres://host/db?sslmode=on", "Expected `sslmode`"],
    ["postgres://host/db?sslmode=verify-ca", "needs `sslrootcert`"],
    ["postgres://host/db?connect_timeout=0", "Expected `connect_timeout`"],
    ["postgres://host/db?pgbouncer=true&password=hush", "`pgbouncer`"],
  ],
};

describe("storeFromUrl refuses", () => {
  for (const [what, addresses] of Object.entries(WRONG)) {
    it.each(addresses.map((one) => [...one]))(`${what}: %j`, async (address, message, hint = "") => {
      const error = await refusalOf(address);
      expect(error.message).toContain(message);
      expect(error.hint ?? "").toContain(hint);
    });
  }

  it("what is no text", async () => {
    for (const url of [null, 5, {}, ["s3://bucket"], true]) {
      expect((await refusalOf(url)).message).toContain("Expected `url` to be an address as text");
    }
  });
});

describe("parseAddress", () => {
  it.each([
    ["S3://Bucket/Folder", "s3", "s3://Bucket/Folder"],
    ["  redis://host/15\r\n", "redis", "redis://host/15"],
    ["\u{FEFF}redis://host", "redis", "redis://host"],
    ["redis://user:hush@host:6379/0", "redis", "redis://user:***@host:6379/0"],
    ["redis://:hush@host", "redis", "redis://:***@host"],
    ["redis://hush@host", "redis", "redis://***@host"],
    [
      "redis-sentinel://:hush@a,b/m?sentinel_password=hush",
      "redis",
      "redis+sentinel://:***@a,b/m?sentinel_password=***",
    ],
    ["mongodb://user@host/db", "mongodb", "mongodb://user@host/db"],
    ["mongodb+srv://u:hush@host/db?w=majority", "mongodb", "mongodb+srv://u:***@host/db?w=majority"],
    [
      "mongodb://host/db?authMechanismProperties=AWS_SESSION_TOKEN:hush&tlsCAFile=/etc/ca.pem",
      "mongodb",
      "mongodb://host/db?authMechanismProperties=***&tlsCAFile=/etc/ca.pem",
    ],
    [
      "postgres://u:hush@h/db?sslpassword=hush&sslkey=/k",
      "postgres",
      "postgres://u:***@h/db?sslpassword=***&sslkey=/k",
    ],
    ["s3://b/f?endpoint=http://127.0.0.1:9000", "s3", "s3://b/f?endpoint=http://127.0.0.1:9000"],
  ])("takes %j", (given, scheme, shown) => {
    const address = parseAddress(given);
    expect(address).toMatchObject({ scheme, shown });
    expect(shown).not.toContain("hush");
  });

  it("takes passwords with the characters of an address, as they are or encoded", () => {
    const passwords = ["p@ss", "a:b", "a,b", "a%40b", "%2F%3F%23", "p&q=r", "+", "ä"];
    const read = passwords.map((password) => parseAddress(`redis://user:${password}@host/0`));
    expect(read.map(({ password }) => password)).toEqual(["p@ss", "a:b", "a,b", "a@b", "/?#", "p&q=r", "+", "ä"]);
    for (const { user, host, shown } of read)
      expect({ user, host, shown }).toEqual({ user: "user", host: "host", shown: "redis://user:***@host/0" });
  });

  it("knows what must not be seen", () => {
    const secret = [
      "redis://:hush@host",
      "redis://hush@host",
      "redis://host?password=hush",
      "s3://KEY:hush@bucket",
      "s3://bucket?secretAccessKey=hush",
      "s3://bucket?sessionToken=hush",
      "postgres://host/db?password=hush",
      "mongodb://host/db?tlsCertificateKeyFilePassword=hush",
      "mongodb://host/db?authMechanismProperties=AWS_SESSION_TOKEN:hush",
      "redis+sentinel://a/m?sentinel_password=hush",
    ];
    for (const address of secret) expect(hasSecret(parseAddress(address)), address).toBe(true);
    const open = [
      "file:./sessions",
      "s3://bucket/token?region=eu-central-1",
      "mongodb://user@host/db?tlsCertificateKeyFile=/k.pem",
      "postgres://user@host/db?sslkey=/k",
      "redis://host?prefix=passengers:",
    ];
    for (const address of open) expect(hasSecret(parseAddress(address)), address).toBe(false);
    expect(secretsOf(parseAddress("redis://:a%2Fb@host"))).toEqual(["a/b", "a%2Fb"]);
  });

  it.each([
    ["file:sessions", "sessions"],
    ["file:./sessions", "./sessions"],
    ["file:../sessions", "../sessions"],
    ["file:/var/lib/x", "/var/lib/x"],
    ["file:///var/lib/x", "/var/lib/x"],
    ["file://localhost/var/lib/x", "/var/lib/x"],
    ["FILE:./x", "./x"],
    ["file:./my sessions", "./my sessions"],
    ["file:./my%20sessions", "./my sessions"],
    ["file:///var/my%20sessions%3F", "/var/my sessions?"],
    ["file:./50%25", "./50%"],
    ["file:./~x", "./~x"],
    ["file:~/x", join(homedir(), "x")],
    ["file:~", homedir()],
  ])("finds the directory of %j", (given, path) => {
    expect(fileAddress(given, "linux").path).toBe(path);
  });

  it("finds directories of Windows on Windows", () => {
    for (const given of ["file:C:\\x", "file:C:/x", "file:///C:/x", "file://C:/x"]) {
      expect(fileAddress(given, "win32").path.replaceAll("\\", "/")).toBe("C:/x");
    }
  });
});
