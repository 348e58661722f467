import type { Survey } from "../../events/survey.ts"
import { type EngineWay, wayText } from "../engine-draft/engine-way.ts"
import { identifier, inComment, literal } from "./literal.ts"
import type { Draft, Drafted, DraftNode } from "./node.ts"

/** How the program reaches the host. */
export type Way =
  | { readonly local: true }
  | { readonly container: string; readonly user?: string | undefined; readonly engine: EngineWay }
  | {
      readonly destination: string
      readonly config?: string | undefined
      readonly port?: number | undefined
      readonly become?: "sudo" | "doas" | undefined
      /** Sudo asks for a password. */
      readonly asks?: boolean
    }

/** A program of TypeScript. Whatever a host says stands in it as a string or a comment, never as code. */
export function programText(survey: Survey, parts: readonly (readonly [Draft, Drafted])[], way: Way): string {
  const filled = parts.filter(([, { nodes, leftOut }]) => nodes.length + leftOut.length > 0)
  const names = ["on", "program", "resource", ...("asks" in way && way.asks === true ? ["secret"] : [])]
  const lines = [
    ...headOf(survey),
    `import { ${names.join(", ")} } from "fettle"`,
    ...("container" in way && wayText(way.engine) !== "" ? ['import * as docker from "fettle/docker"'] : []),
    'import * as host from "fettle/host"',
    "",
    `const target = ${connection(way)}`,
    "",
    "/** What is there already is taken over as it is; it is not removed when it leaves the program. */",
    "const adopt = { adopt: true } as const",
    "",
    `export default program(${literal(programName(survey))}, {}, () => {`,
    "  on(target, () => {",
    ...filled.map(([{ name }]) => `    ${name}()`),
    "  })",
    "})",
    ...filled.flatMap(([draft, found]) => ["", ...functionOf(draft, found)]),
  ]
  return `${lines.join("\n")}\n`
}

/** Parts of a survey that a program says nothing about. */
const PASSING = new Set(["system", "open ports", "certificates", "disks", "pending updates"])

function headOf({ host, at, system, unseen: all }: Survey): readonly string[] {
  const unseen = all.filter(({ part }) => !PASSING.has(part))
  const os = system === undefined ? "" : `, ${system.os}`
  return [
    `// ${inComment(`${host}${os}, as fettle draft found it on ${at.slice(0, 10)}.`)}`,
    "// `fettle plan` says what it would do; `fettle apply` takes all of it over and changes nothing.",
    ...(unseen.length === 0 ? [] : ["//", "// Not seen, and so not here:"]),
    ...unseen.map(({ part, why }) => `//   ${inComment(`${part}: ${why}`)}`),
  ]
}

function connection(way: Way): string {
  if ("local" in way) return "host.local()"
  if ("container" in way) return containerText(way)
  const password =
    way.asks === true ? `{ by: "sudo", password: secret.prompt(${literal(`sudo on ${way.destination}`)}) }` : undefined
  const become = password ?? (way.become === undefined ? undefined : literal(way.become))
  const options = [
    ...(way.config === undefined ? [] : [`config: ${literal(way.config)}`]),
    ...(way.port === undefined ? [] : [`port: ${way.port}`]),
    ...(become === undefined ? [] : [`become: ${become}`]),
  ]
  return `host.ssh(${literal(way.destination)}${options.length === 0 ? "" : `, { ${options.join(", ")} }`})`
}

function containerText({ container, user, engine }: Extract<Way, { container: string }>): string {
  const reached = wayText(engine)
  const options = [
    ...(reached === "" ? [] : [`engine: docker.engine(${reached})`]),
    ...(user === undefined ? [] : [`user: ${literal(user)}`]),
  ]
  return `host.container(${literal(container)}${options.length === 0 ? "" : `, { ${options.join(", ")} }`})`
}

/** As far as it can be a program's. */
function programName({ host, system }: Survey): string {
  const name = (host === "this machine" ? (system?.hostname ?? host) : host).toLowerCase().replace(/[^a-z0-9]+/g, "-")
  return name.replace(/^-+|-+$/g, "").slice(0, 60) || "server"
}

function functionOf({ name, about }: Draft, { nodes, leftOut }: Drafted): readonly string[] {
  const needed = new Set(nodes.flatMap(afterOf))
  const variables = new Map<string, string>()
  const taken = new Set<string>()
  const lines = nodes.flatMap((node) => {
    const variable = needed.has(node.id) ? identifier(node.id, taken) : undefined
    if (variable !== undefined) {
      taken.add(variable)
      variables.set(node.id, variable)
    }
    return nodeText(node, variable, variables)
  })
  const left = leftOut.map(({ what, why }) => `  //   ${inComment(`${what} ${why}`)}`)
  return [
    `/** ${about} */`,
    `function ${name}(): void {`,
    ...lines,
    ...(left.length === 0 ? [] : ["  // Left out:", ...left]),
    "}",
  ]
}

function afterOf({ after }: DraftNode): readonly string[] {
  return typeof after === "string" ? [after] : (after ?? [])
}

function nodeText(
  node: DraftNode,
  variable: string | undefined,
  variables: ReadonlyMap<string, string>,
): readonly string[] {
  const { kind, props, note, id } = node
  const earlier = afterOf(node).flatMap((each) => variables.get(each) ?? [])
  const options = earlier.length === 0 ? "adopt" : `{ ...adopt, after: [${earlier.join(", ")}] }`
  const name = nameFor(id, props)
  const entries = Object.entries(props).map(([key, value]) => `${key}: ${literal(value)}`)
  const head = `${variable === undefined ? "" : `const ${variable} = `}resource(${kind}, ${name}`
  const comment = note === undefined ? [] : [`  // ${inComment(note)}`]
  const flat = `  ${head}{ ${entries.join(", ")} }, ${options})`
  if (flat.length <= 120 && !flat.includes("\n")) return [...comment, flat]
  return [...comment, `  ${head}{`, ...entries.map((entry) => `    ${entry},`), `  }, ${options})`]
}

/** The id is the name, where a name can hold it. */
function nameFor(id: string, props: DraftNode["props"]): string {
  const own = String(props.path ?? props.name ?? id)
  if (own.length <= NAME_MAX && !UNNAMEABLE.test(own)) return ""
  const hash = [...own].reduce((sum, each) => (Math.imul(sum, 31) + (each.codePointAt(0) as number)) >>> 0, 7)
  return `${literal(`${own.replace(new RegExp(UNNAMEABLE, "gu"), "_").slice(0, NAME_MAX)}-${hash.toString(16)}`)}, `
}

/** Longest name that is taken from an id, and what no name can hold. */
const NAME_MAX = 120
const UNNAMEABLE = /[[\]\p{C}\p{Zl}\p{Zp}]/u
