import { createSecretKey, type UUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CREDS_NAME, recordName } from "../../lib/wapi/names.ts";
import { type OwnSecret, RecordCipher } from "../../lib/wapi/record-cipher.ts";
import { decodeText } from "../../lib/wapi/value-text.ts";
import { testKey } from "../support/keys.ts";
import { md5, VECTOR, wapiRecord, wapiText } from "./support/wapi-format.ts";

const uuid = VECTOR.uuid as UUID;
const keyed = (number: number): OwnSecret => ({ key: createSecretKey(testKey(number)) });

describe("records", () => {
  it("are those of wapi: its vector", async () => {
    expect(CREDS_NAME).toBe(VECTOR.creds);
    const text = (await RecordCipher.of(uuid)).open(CREDS_NAME, VECTOR.record, "it");
    expect(text.toString()).toBe(VECTOR.text);
    expect(decodeText(text, "it")).toStrictEqual({ public: Buffer.of(1, 2, 3), private: Buffer.of(4, 5, 6) });
  });

  it("have the names of wapi", () => {
    expect(recordName("sender-key", "120363@g.us::551199::0")).toBe(md5("sender-key-120363@g.us::551199::0"));
  });

  it("without a key of one's own are read by wapi, and wapi's by us", async () => {
    const cipher = await RecordCipher.of(uuid);
    expect(wapiText(uuid, cipher.seal("name", Buffer.from("text")))).toBe("text");
    expect(cipher.open("name", wapiRecord(uuid, "ä"), "it").toString()).toBe("ä");
  });

  it("are of the uuid as it is written", async () => {
    const upper = await RecordCipher.of(uuid.toUpperCase() as UUID);
    expect(() => upper.open(CREDS_NAME, VECTOR.record, "it")).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });

  it("that were cut, or changed by a bit, are CORRUPT, and the message has nothing of them", async () => {
    const cipher = await RecordCipher.of(uuid, keyed(1));
    for (const record of [wapiRecord(uuid, "secret text"), cipher.seal("name", Buffer.from("secret text"))]) {
      for (const length of [0, 11, 27, record.length - 1]) {
        expect(() => cipher.open("name", record.subarray(0, length), "it")).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/CORRUPT|WRONG_KEY/) }),
        );
      }
      for (let at = 0; at < record.length; at++) {
        const changed = Buffer.from(record);
        changed[at] = (changed[at] ?? 0) ^ 1;
        try {
          cipher.open("name", changed, "it");
          expect.fail(`byte ${at}`);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/CORRUPT|WRONG_KEY/) });
          expect(String(error)).not.toContain("secret");
        }
      }
    }
  });

  describe("with a key of one's own", () => {
    it.each<[string, OwnSecret]>([
      ["a key", keyed(1)],
      ["a passphrase", { passphrase: "correct horse battery" }],
    ])("%s: nobody reads them with the uuid alone; what wapi wrote is still read", async (_name, secret) => {
      const cipher = await RecordCipher.of(uuid, secret);
      const record = cipher.seal("name", Buffer.from("text"));
      expect(cipher.open("name", record, "it").toString()).toBe("text");
      expect(() => wapiText(uuid, record)).toThrow();
      expect(cipher.open("name", wapiRecord(uuid, "older"), "it").toString()).toBe("older");
    });

    it("another key, or none, is WRONG_KEY, and names the ids of the keys", async () => {
      const record = (await RecordCipher.of(uuid, keyed(1))).seal("name", Buffer.from("text"));
      for (const secret of [keyed(2), undefined]) {
        const cipher = await RecordCipher.of(uuid, secret);
        expect(() => cipher.open("name", record, "it")).toThrow(
          expect.objectContaining({ code: "WRONG_KEY", message: expect.stringMatching(/with key [0-9a-f]{16}, and/) }),
        );
      }
    });

    it("a record in the place of another, or of another session, is CORRUPT", async () => {
      const one = await RecordCipher.of(uuid, keyed(1));
      const other = await RecordCipher.of("650e8400-e29b-41d4-a716-446655440000", keyed(1));
      const record = one.seal("name", Buffer.from("text"));
      expect(() => one.open("other", record, "it")).toThrow(expect.objectContaining({ code: "CORRUPT" }));
      expect(() => other.open("name", record, "it")).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    });
  });
});
