// The direction rules of ARCHITECTURE.md, checked by dependency-cruiser on the sources, type-only imports included.
import { cruise } from "dependency-cruiser"
import { files, root } from "../step.mjs"

/** What every room may lean on: the errors, and the names and places of declarations. */
const ground = ["errors.ts", "program/address.ts", "program/place.ts"]
const contract = [...ground, "provider.ts", "secrets", "policies"]
const engine = [...contract, "state", "events", "connect"]
const everything = ["*"]
/** The entry points that have kinds. */
const kinds = ["ansible.ts", "docker.ts", "haproxy.ts", "host.ts", "http.ts", "proxy.ts", "sqlite.ts"]

/** Room or file of src → what it may import besides itself. What stands nowhere in this table may not exist. */
const mayImport = {
  "error-codes.ts": [],
  "errors.ts": ["error-codes.ts", "program/address.ts", "program/place.ts"],
  "provider.ts": [...ground, "secrets", "policies"],
  // The phases: each imports only earlier ones.
  program: contract,
  graph: [...contract, "program"],
  plan: [...engine, "program", "graph"],
  apply: [...engine, "program", "graph", "plan"],
  verify: [...engine, "program", "graph", "plan", "apply"],
  // One run from its lock to its last record; it resolves built-in kinds by a closed table.
  release: [...engine, "program", "graph", "plan", "apply", "verify"],
  run: [...engine, "program", "graph", "plan", "apply", "verify", "release", "audit", ...kinds],
  testing: [...engine, "program", "graph", "plan", "apply", "verify", "run"],
  // The record of who did what.
  audit: [...ground, "program/audit-sinks.ts", "secrets", "policies", "state", "connect"],
  // What the phases use.
  secrets: ground,
  // Looks at hosts and Engines without a program.
  survey: [...ground, "provider.ts", "events", "connect", "providers/docker"],
  events: [...ground, "provider.ts", "secrets"],
  policies: [...ground, "events"],
  state: [...ground, "program/output.ts", "provider.ts", "secrets", "events", "connect"],
  connect: [...contract, "events"],
  // Other tools' files as declarations.
  compose: [...contract, "connect", "program", "providers/docker"],
  inventory: [...contract, "connect", "program/pattern.ts"],
  // The two sides that the kernel never names.
  report: ["events"],
  providers: ["errors.ts", "program/address.ts", "provider.ts", "secrets", "connect", "events/text-diff.ts"],
  cli: everything,
  // The package's entry points: the only barrels.
  "index.ts": everything,
  "authors.ts": everything, // is `fettle/provider`: the rooms import the contract itself, from provider.ts
  "events.ts": ["events"],
  ...Object.fromEntries(kinds.map((file) => [file, everything])),
  "testing.ts": everything,
}

export async function directions() {
  const { output } = await cruise(["src"], {
    validate: true,
    ruleSet: { forbidden: rules() },
    tsPreCompilationDeps: true, // else type-only imports are not seen
    exclude: { path: "\\.test\\.ts$" },
    doNotFollow: { path: "node_modules" },
    baseDir: root,
  })
  const ours = output.modules.filter(({ source }) => source.startsWith("src/"))
  const problems = output.summary.violations.map(describe)
  const sources = files("src/**/*.{ts,js}").filter((file) => !file.endsWith(".test.ts"))
  problems.push(...sources.filter(isHomeless).map((file) => `${file}: no such room in scripts/check/directions.mjs`))
  const expected = sources.length
  const edges = ours.flatMap(({ dependencies }) => dependencies).length
  if (ours.length !== expected) problems.push(`It looked at ${ours.length} of ${expected} files.`)
  if (expected > 1 && edges === 0) problems.push("It found no import at all.")
  return { looked: ours.length, unit: "files", note: `${edges} imports`, problems }
}

function rules() {
  const known = Object.keys(mayImport)
  return [
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    { name: "found", severity: "error", from: {}, to: { couldNotResolve: true } },
    // The sources stand alone: an import of dist, of `fettle` itself, or of a test hides a direction.
    {
      name: "src-only",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(dist|test|bench|examples|scripts)/" },
    },
    { name: "nobody-imports-cli", severity: "error", from: { pathNot: "^src/cli/" }, to: { path: "^src/cli/" } },
    // A provider's own folder is its own; another provider's is not.
    {
      name: "another provider's folder",
      severity: "error",
      from: { path: "^src/providers/([^/]+)/" },
      to: { path: "^src/providers/", pathNot: "^src/providers/$1/" },
    },
    ...known
      .filter((room) => mayImport[room] !== everything)
      .map((room) => ({
        name: room,
        severity: "error",
        from: { path: under([room]) },
        to: { path: "^src/", pathNot: under([room, ...mayImport[room]]) },
      })),
  ]
}

/** Whether no line of the table speaks of the file. */
function isHomeless(file) {
  return !under(Object.keys(mayImport)).some((pattern) => new RegExp(pattern).test(file))
}

/** A pattern for files of these rooms: a name with an ending is a file, one without is a folder. */
function under(rooms) {
  return rooms.map((room) => (room.endsWith(".ts") ? `^src/${room.replaceAll(".", "\\.")}$` : `^src/${room}/`))
}

function describe({ rule, from, to, cycle }) {
  if (cycle) return `cycle: ${from} → ${cycle.map((step) => step.name ?? step).join(" → ")}`
  if (rule.name === "found") return `${from} → ${to}: not found`
  const allowed = mayImport[rule.name]
  return `${from} → ${to}: not allowed${allowed ? ` (${rule.name} may import ${allowed.join(", ")})` : ` (${rule.name})`}`
}
