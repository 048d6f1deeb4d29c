// Writes docs/api, the reference of everything that can be imported, from the docstrings: `npm run docs:api`. Another
// folder may be named. It fails when something that can be imported has no docstring, or a link leads nowhere.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import "./typescript-6.mjs";

const { Application, Converter, ReflectionKind, TSConfigReader } = await import("typedoc");

const root = fileURLToPath(new URL("../..", import.meta.url));
const out = resolve(process.argv[2] ?? join(root, "docs/api"));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** By what is written to import it (`wa-vault/fs`), the source file of an entry. */
const entries = Object.entries(exports)
  .filter(([name]) => name !== "./package.json")
  .map(([name, built]) => [name.replace(".", "wa-vault"), built.replace("./dist/", "").replace(/\.js$/, ".ts")]);
/** By TypeDoc's name of a module, that of the entry. */
const names = new Map(entries.map(([name, source]) => [source.replace(/(\/index)?\.ts$/, ""), name]));
/** Types of the inside, and of other libraries, that signatures mention. */
const INSIDE = ["ClientLike", "PublicClient", "SessionRecords", "VaultInternals"];

const app = await Application.bootstrapWithPlugins(
  {
    entryPoints: entries.map(([, source]) => join(root, source)),
    tsconfig: join(root, "tsconfig.build.json"),
    plugin: ["typedoc-plugin-markdown"],
    out,
    name: "wa-vault",
    // `npm run types` has found none.
    skipErrorChecking: true,
    readme: "none",
    // Lines and revisions would change with every commit.
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    sortEntryPoints: false,
    intentionallyNotExported: INSIDE,
    validation: { notExported: true, invalidLink: true, rewrittenLink: true },
    router: "module",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    expandObjects: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    typeAliasPropertiesFormat: "table",
    classPropertiesFormat: "table",
    propertyMembersFormat: "table",
    typeDeclarationFormat: "table",
    typeDeclarationVisibility: "compact",
  },
  [new TSConfigReader()],
);

app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const entry of project.getReflectionsByKind(ReflectionKind.Module))
    entry.name = names.get(entry.name) ?? entry.name;
  for (const parameter of project.getReflectionsByKind(ReflectionKind.Parameter)) {
    if (parameter.name === "__namedParameters") parameter.name = "options";
  }
});

app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
  // The methods of `Vault` are described there, not in each store; those that only look have a class of the inside.
  const isOfVaultReading = (type) => /^VaultReading(?:\.|$)/.test(type?.name ?? "");
  for (const member of project.getReflectionsByKind(ReflectionKind.ClassMember)) {
    const { inheritedFrom, parent } = member;
    if (inheritedFrom && !isOfVaultReading(inheritedFrom) && parent?.kindOf(ReflectionKind.Class))
      project.removeReflection(member);
  }
  for (const one of Object.values(project.reflections)) {
    if (isOfVaultReading(one.inheritedFrom)) one.inheritedFrom = undefined;
    if (isOfVaultReading(one.overwrites)) one.overwrites = undefined;
    one.extendedTypes &&= one.extendedTypes.filter((type) => !isOfVaultReading(type));
    if (one.extendedTypes?.length === 0) one.extendedTypes = undefined;
  }
});

/** Says what has no docstring. The parts of a property that is described as a whole, e.g. `skipped.generation`, need none. */
function checkDocstrings(project) {
  const { Method, Function: Call, Constructor, CallSignature } = ReflectionKind;
  const isPart = ({ parent }) =>
    parent !== undefined &&
    ((parent.kindOf(ReflectionKind.TypeLiteral) && !parent.parent?.kindOf(ReflectionKind.TypeAlias)) || isPart(parent));
  const kinds = (ReflectionKind.SomeExport & ~ReflectionKind.Module) | ReflectionKind.SomeMember | CallSignature;
  for (const one of project.getReflectionsByKind(kinds)) {
    // Comments of calls are those of their signatures; a constructor is said enough of by its class and its options.
    const says = one.kindOf(Method | Call | Constructor | ReflectionKind.Accessor) || one.hasComment();
    if (!says && !isPart(one)) app.logger.warn(`${one.getFullName()} has no docstring.`);
  }
}

const project = await app.convert();
if (project) {
  app.validate(project);
  checkDocstrings(project);
  rmSync(out, { recursive: true, force: true });
  await app.generateOutputs(project);
  const index = readFileSync(join(out, "README.md"), "utf8");
  const intro = readFileSync(join(root, "scripts/api-reference/intro.md"), "utf8");
  writeFileSync(join(out, "README.md"), index.replace("# wa-vault\n", intro));
}
process.exitCode = !project || app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0;
