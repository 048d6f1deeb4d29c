/** The messages in a file: codes of errors, or "warning". */
export function messagesIn(source: string): { kind: string; text: string }[];
/** The section of docs/troubleshooting.md as it should be. */
export function messageList(): string;
/** The section as it is, and the page before it. */
export function writtenList(): { written: string; page: string };
