import { BaseAuth } from "./base-auth.ts";

/** Keeps nothing: every start asks for a link. */
export class NoAuth extends BaseAuth {}
