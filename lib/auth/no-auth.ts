import { BaseAuth } from "./base-auth.ts";

/** Keeps no session: every start asks for a link. */
export class NoAuth extends BaseAuth {}
