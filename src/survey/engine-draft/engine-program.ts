import { quote } from "../../connect/host/quote.ts"
import { code, Expression, type Value } from "../draft/code.ts"
import { identifier, inComment, literal } from "../draft/literal.ts"
import type { LeftOut } from "../draft/node.ts"
import type { Props } from "./container-values.ts"
import type { DraftedThing } from "./drafted-thing.ts"
import { type EngineWay, wayText } from "./engine-way.ts"
import { variableName } from "./env-secrets.ts"

/** What a program is written of. */
export interface EngineDraft {
  /** The host name of the Engine. */
  readonly name: string
  readonly version: string
  /** ISO 8601. */
  readonly at: string
  readonly things: readonly DraftedThing[]
  readonly leftOut: readonly LeftOut[]
}

/** A program of TypeScript. Whatever an Engine says stands in it as a string or a comment, never as code. */
export function engineProgram(draft: EngineDraft, way: EngineWay): string {
  const groups = groupsOf(draft.things)
  const variables = variablesOf(draft.things)
  const secrets = new Secrets()
  const body = groups.flatMap((group, at) => [...(at === 0 ? [] : [""]), ...groupLines(group, variables, secrets)])
  const isGrouped = groups.some(({ project }) => project !== undefined)
  const names = [
    ...(isGrouped ? ["group"] : []),
    ...["on", "program", "resource"],
    ...(secrets.all.length > 0 ? ["secret"] : []),
  ]
  const left = draft.leftOut.map(({ what, why }) => `//   ${inComment(`${what} ${why}`)}`)
  const lines = [
    ...headOf(draft),
    ...secretLines(secrets, way),
    ...(left.length === 0 ? [] : ["//", "// Left out:", ...left]),
    `import { ${names.join(", ")} } from "fettle"`,
    'import * as docker from "fettle/docker"',
    "",
    `const target = docker.engine(${wayText(way)})`,
    "",
    "/** What is there already is taken over as it is; it is not removed when it leaves the program. */",
    "const adopt = { adopt: true } as const",
    "",
    `export default program(${literal(programName(draft.name))}, {}, () => {`,
    "  on(target, () => {",
    ...body,
    "  })",
    "})",
  ]
  return `${lines.join("\n")}\n`
}

function headOf({ name, version, at }: EngineDraft): readonly string[] {
  return [
    `// ${inComment(`The Docker Engine ${version} of ${name}, as fettle draft found it on ${at.slice(0, 10)}.`)}`,
    "// `fettle plan` says what it would do; `fettle apply` takes all of it over and changes nothing.",
  ]
}

/** As far as it can be a program's. */
function programName(host: string): string {
  const name = host.toLowerCase().replace(/[^a-z0-9]+/g, "-")
  return `docker-${name}`.replace(/-+$/, "").slice(0, 60)
}

interface Group {
  readonly title: string
  /** Things of a project of compose stand in a group of its name. */
  readonly project?: string
  readonly things: readonly DraftedThing[]
}

/** What can stand in an address as the name of a group. */
const GROUP_NAME = /^[a-z0-9][a-z0-9_-]{0,99}$/

/** Images, then what belongs to no project, then each project; networks and volumes before what uses them. */
function groupsOf(things: readonly DraftedThing[]): readonly Group[] {
  const projectOf = ({ project = "" }: DraftedThing): string | undefined =>
    GROUP_NAME.test(project) ? project : undefined
  const uses = new Map<string, Set<string | undefined>>()
  for (const each of things)
    for (const used of usedBy(each)) uses.set(used, (uses.get(used) ?? new Set()).add(projectOf(each)))
  // What another project uses, too, is declared before all of them.
  const homeOf = (each: DraftedThing): string | undefined => {
    const own = projectOf(each)
    return [...(uses.get(keyOf(each)) ?? [])].every((user) => user === own) ? own : undefined
  }
  const homeless = things.filter((each) => homeOf(each) === undefined)
  const of = (kind: DraftedThing["kind"]): readonly DraftedThing[] => homeless.filter((each) => each.kind === kind)
  const projects = [...new Set(things.flatMap((each) => homeOf(each) ?? []))].sort()
  return [
    { title: 'Images; `pull: "never"` is for those that were built or loaded here', things: of("docker.image") },
    { title: "Networks", things: of("docker.network") },
    { title: "Volumes: protected from deletion until `deleteData: true` was applied", things: of("docker.volume") },
    ...projects.map((project) => ({
      title: `The project ${project} of compose`,
      project,
      things: things.filter((each) => homeOf(each) === project),
    })),
    { title: "Containers", things: of("docker.container") },
  ].filter((group) => group.things.length > 0)
}

function keyOf({ kind, name }: Pick<DraftedThing, "kind" | "name">): string {
  return `${kind} ${name}`
}

/** Keys of what a container names. */
function usedBy({ kind, props }: DraftedThing): readonly string[] {
  if (kind !== "docker.container") return []
  const networks = ((props.networks ?? []) as readonly Props[]).map(({ name }) => `docker.network ${String(name)}`)
  const mounts = ((props.mounts ?? []) as readonly Props[]).filter(({ type }) => type === "volume")
  const volumes = mounts.map(({ source }) => `docker.volume ${String(source)}`)
  return [`docker.image ${String(props.image)}`, ...networks, ...volumes]
}

/** Names for what containers refer to, by key; unique in the program. */
function variablesOf(things: readonly DraftedThing[]): ReadonlyMap<string, string> {
  const used = new Set(things.flatMap(usedBy))
  const taken = new Set<string>(["docker", "group"])
  const variables = new Map<string, string>()
  for (const each of things.filter((thing) => used.has(keyOf(thing)))) {
    const variable = identifier(`${each.name} ${each.kind.slice("docker.".length)}`, taken)
    taken.add(variable)
    variables.set(keyOf(each), variable)
  }
  return variables
}

function groupLines({ title, project, things }: Group, variables: ReadonlyMap<string, string>, secrets: Secrets) {
  const indent = project === undefined ? 4 : 6
  const lines = things.flatMap((each) => nodeLines(each, indent, variables, secrets))
  if (project === undefined) return [`    // ${title}`, ...lines]
  return [`    // ${inComment(title)}`, `    group(${literal(project)}, () => {`, ...lines, "    })"]
}

function nodeLines(
  thing: DraftedThing,
  indent: number,
  variables: ReadonlyMap<string, string>,
  secrets: Secrets,
): readonly string[] {
  const before = " ".repeat(indent)
  const variable = variables.get(keyOf(thing))
  const head = `${before}${variable === undefined ? "" : `const ${variable} = `}resource(${thing.kind}, `
  const name = thing.kind === "docker.volume" || thing.kind === "docker.image" ? "" : `${literal(thing.name)}, `
  const notes = thing.notes.map((note) => `${before}// ${inComment(note)}`)
  const tail = ", adopt)"
  const props = code(referring(thing, variables, secrets), indent, head.length + name.length + tail.length)
  return [...notes, `${head}${name}${props}${tail}`]
}

/** The props with names of other nodes in the place of texts, and secrets from outside. */
function referring(thing: DraftedThing, variables: ReadonlyMap<string, string>, secrets: Secrets): Props {
  if (thing.kind !== "docker.container") return thing.props
  const named = (key: string, text: Value | undefined): Value => {
    const variable = variables.get(`${key} ${String(text)}`)
    return variable === undefined ? (text as Value) : new Expression(`${variable}.name`)
  }
  const { image, networks, mounts, env } = thing.props as Readonly<Record<string, Value | undefined>>
  return {
    ...thing.props,
    image: named("docker.image", image),
    ...(env !== undefined && { env: secrets.of(thing, env as Readonly<Record<string, string>>) }),
    ...(mounts !== undefined && {
      mounts: (mounts as readonly Props[]).map((each) =>
        each.type === "volume" ? { ...each, source: named("docker.volume", each.source) } : each,
      ),
    }),
    ...(networks !== undefined && {
      networks: (networks as readonly Props[]).map((each) => ({ ...each, name: named("docker.network", each.name) })),
    }),
  }
}

interface GivenSecret {
  readonly variable: string
  readonly container: string
  /** Of the container's environment. */
  readonly name: string
  readonly hasLines: boolean
}

/** Variables of the operator's environment for what is not written down. The same value under the same name is asked for once. */
class Secrets {
  readonly all: GivenSecret[] = []
  readonly #known = new Map<string, string>()

  of({ name: container, secrets }: DraftedThing, env: Readonly<Record<string, string>>): Props {
    return Object.fromEntries(
      Object.entries(env).map(([name, value]) => [
        name,
        secrets.includes(name)
          ? new Expression(`secret.env(${literal(this.#variable(container, name, value))})`)
          : value,
      ]),
    )
  }

  #variable(container: string, name: string, value: string): string {
    const key = `${name}=${value}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const variable = variableName(container, name, new Set(this.all.map((each) => each.variable)))
    this.#known.set(key, variable)
    this.all.push({ variable, container, name, hasLines: value.includes("\n") })
    return variable
  }
}

/** How to give the secrets, as they are now. */
function secretLines({ all }: Secrets, { host, context }: EngineWay): readonly string[] {
  if (all.length === 0) return []
  const which =
    host === undefined ? (context === undefined ? "" : ` --context ${quote(context)}`) : ` -H ${quote(host)}`
  return [
    "//",
    "// Values that look secret are not written here. Give them as they are now, before you plan:",
    ...all.map(({ variable, container, name, hasLines }) => {
      if (hasLines || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        return `//   ${variable}: ${inComment(`${name} of the container ${container}, by docker inspect`)}`
      const format = "{{range .Config.Env}}{{println .}}{{end}}"
      const line = `docker${which} inspect --format '${format}' ${quote(container)} | sed -n 's/^${name}=//p'`
      return `//   export ${variable}="$(${inComment(line)})"`
    }),
  ]
}
