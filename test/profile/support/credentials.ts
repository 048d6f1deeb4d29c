import { type Files, youngLevelDb } from "./small-profile.ts";

/** Local Storage's key of the number of the phone, and a value. */
export const WID = "_https://web.whatsapp.com\0\u0001last-wid-md";
export const VALUE = '\u0001"15550001111:1@c.us"';

/** The key of IndexedDB that exists for each database. */
export function database(name: string): string {
  const utf16 = (text: string): string => [...text].map((char) => `\0${char}`).join("");
  const origin = "https_web.whatsapp.com_0@1";
  return `\0\0\0\0\u00c9${String.fromCharCode(origin.length)}${utf16(origin)}${String.fromCharCode(name.length)}${utf16(name)}`;
}

/** An IndexedDB with the databases that hold credentials. */
export const bothDatabases: Files = youngLevelDb([
  [database("wawc"), "\u0001"],
  [database("signal-storage"), "\u0002"],
]);
