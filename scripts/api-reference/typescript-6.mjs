// TypeDoc needs the API of TypeScript 6; TypeScript 7, which compiles this package, has none. So `typescript` means the
// package `typescript-6` here.
import { register } from "node:module";

const hooks = `export const resolve = (specifier, context, next) =>
  next(specifier === "typescript" ? "typescript-6" : specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
