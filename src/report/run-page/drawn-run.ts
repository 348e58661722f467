import { criticalPath, type Worked } from "./critical-path.ts"
import { type ChangeData, changeData, type ErrorData, errorData } from "./drawn-change.ts"
import { placed } from "./placed.ts"
import { finishOf, isUnderWay, type NodeRecord, type RunRecord } from "./run-record.ts"
import { prose, shown } from "./shown.ts"

/** How a node is drawn and named. */
export type NodeState =
  | "done"
  | "failed"
  | "maybe"
  | "skipped"
  | "unchanged"
  | "blocked"
  | "planned"
  | "cut off"
  | "yes"
  | "no"
  | "inconclusive"

/** One node as the page's script gets it. Every text in it can be shown as it is. */
export interface NodeData {
  readonly address: string
  readonly kind: string
  readonly state: NodeState
  readonly action: string
  readonly connection?: string | undefined
  /** What was done to it, where that is more than one thing. */
  readonly did?: readonly string[] | undefined
  /** Of each turn its begin, since the run began, and how long it took, in milliseconds. */
  readonly spans?: readonly (readonly [begin: number, took: number])[] | undefined
  readonly critical?: true | undefined
  /** Positions of what it needs. */
  readonly needs?: readonly number[] | undefined
  readonly change?: ChangeData | undefined
  readonly error?: ErrorData | undefined
  readonly evidence?: string | undefined
  readonly measured?: string | undefined
  readonly looks?: LooksData | undefined
  /** Lines of its log. */
  readonly lines?: number | undefined
}

/** Looks of a release, as columns; `at` in milliseconds since the run began. */
interface LooksData {
  readonly at: readonly number[]
  readonly step: readonly number[]
  readonly decision: readonly string[]
  readonly sentence: string
  readonly evidence: readonly (number | null)[]
  readonly rollbackAt?: number | undefined
  readonly promoteAt?: number | undefined
  readonly metrics: readonly {
    readonly name: string
    /** Of the new version and of the one before it: requests and bad ones until each look. */
    readonly candidate: readonly (readonly [number, number])[]
    readonly baseline: readonly (readonly [number, number])[]
    readonly promote: readonly (number | null)[]
  }[]
}

/** All that the page's script draws, without logs. */
export interface ReportData {
  readonly durationMs: number
  /** False where the run does not tell what needs what. */
  readonly hasEdges: boolean
  readonly nodes: readonly NodeData[]
  readonly reads: readonly {
    readonly connection: string
    readonly items: number
    readonly begin: number
    readonly took: number
  }[]
}

/** A run as data for the page's script. `root` is the folder from which places are told. */
export function reportData(record: RunRecord, root: string | undefined): ReportData {
  const start = record.firstAt ?? 0
  const { addresses, needs } = placed(record)
  const nodes = addresses.map((address): NodeRecord => record.nodes.get(address) ?? { address, turns: [] })
  const works = nodes.map((node) => worksOf(node, record, start))
  // What is deleted after all else goes against the edges: only first turns make the path.
  const first = works.map(([turn]) => turn)
  const critical = new Set(record.ordered === undefined ? [] : criticalPath(needs, first))
  return {
    durationMs: record.ended?.durationMs ?? record.lastAt - start,
    hasEdges: record.ordered !== undefined,
    nodes: nodes.map((node, at) => ({
      ...nodeData(node, record, root),
      ...spansOf(works[at] ?? []),
      ...(critical.has(at) ? { critical: true } : {}),
      ...((needs[at]?.length ?? 0) === 0 ? {} : { needs: needs[at] }),
    })),
    reads: record.reads.map(({ connection, items, at, durationMs }) => ({
      connection: shown(connection),
      items,
      begin: Math.max(0, Math.round(at - start - durationMs)),
      took: Math.round(durationMs),
    })),
  }
}

/** When each turn of a node was, as far as it took any time. */
function worksOf({ turns, answered }: NodeRecord, { lastAt }: RunRecord, start: number): readonly Worked[] {
  const asked = turns.length === 0 && answered !== undefined ? [{ begunAt: undefined, finished: answered }] : turns
  return asked.flatMap(({ begunAt, finished }) => {
    if (begunAt === undefined && (finished === undefined || finished.durationMs <= 0)) return []
    const endMs = (finished?.at ?? lastAt) - start
    const beginMs = begunAt === undefined ? endMs - (finished?.durationMs ?? 0) : begunAt - start
    return [{ beginMs: Math.max(0, Math.min(beginMs, endMs)), endMs }]
  })
}

function spansOf(works: readonly Worked[]): Pick<NodeData, "spans"> {
  if (works.length === 0) return {}
  return { spans: works.map(({ beginMs, endMs }) => [Math.round(beginMs), Math.round(endMs - beginMs)] as const) }
}

function nodeData(node: NodeRecord, record: RunRecord, root: string | undefined): NodeData {
  const { address, change, turns, answered, log, release } = node
  const finished = finishOf(node)
  const error = finished?.error ?? change?.error
  const connection = change?.connection
  return {
    address: shown(address),
    kind: shown(change?.kind ?? kindIn(address)),
    state: stateOf(node, record),
    action: shown(finished?.action ?? change?.action ?? "none"),
    ...(turns.length < 2 ? {} : { did: turns.map(({ finished }) => shown(finished?.action ?? "began")) }),
    ...(connection === undefined || connection === "" ? {} : { connection: shown(connection) }),
    ...(change === undefined ? {} : { change: changeData(change, root) }),
    ...(error === undefined || finished?.outcome === "done" ? {} : { error: errorData(error, node.address, root) }),
    ...(answered === undefined ? {} : { evidence: prose(answered.evidence) }),
    ...(answered?.measured === undefined ? {} : { measured: shown(JSON.stringify(answered.measured, undefined, 1)) }),
    ...(release === undefined || release.looks.length === 0
      ? {}
      : { looks: looksData(release.looks, record.firstAt ?? 0) }),
    ...(log === undefined ? {} : { lines: log.head.length + log.tail.length + log.left }),
  }
}

/** The kind in an address: `host.file` of `web/host.file[a/b]`. */
function kindIn(address: string): string {
  const path = address.slice(0, Math.max(0, address.indexOf("[")))
  return path.slice(path.lastIndexOf("/") + 1)
}

function stateOf(node: NodeRecord, { ended, tally }: RunRecord): NodeState {
  const { change, answered } = node
  const finished = finishOf(node)
  if (finished?.outcome === "skipped") return "skipped"
  if (answered !== undefined) return answered.verdict
  if (finished !== undefined) return finished.outcome
  if (isUnderWay(node)) return "cut off"
  // What was decided in its turn and came to nothing tells no end.
  const isIdle = change?.action === "decide" && ended !== undefined && tally.applied
  if (change === undefined || change.action === "none" || isIdle) return "unchanged"
  return change.action === "blocked" ? "blocked" : "planned"
}

type Looks = NonNullable<NodeRecord["release"]>["looks"]

function looksData(looks: Looks, start: number): LooksData {
  const last = looks.at(-1) as Looks[number]
  const names = [...new Set(looks.flatMap(({ metrics }) => metrics.map(({ name }) => name)))]
  return {
    at: looks.map(({ at }) => at - start),
    step: looks.map(({ step }) => step),
    decision: looks.map(({ decision }) => shown(decision)),
    sentence: prose(last.sentence),
    evidence: looks.map(({ evidence = null }) => evidence),
    ...(last.rollbackAt === undefined ? {} : { rollbackAt: last.rollbackAt }),
    ...(last.promoteAt === undefined ? {} : { promoteAt: last.promoteAt }),
    metrics: names.map((name) => {
      const each = looks.map(({ metrics }) => metrics.find((metric) => metric.name === name))
      const side = (of: "candidate" | "baseline") =>
        each.map((metric) => [metric?.[of].requests ?? 0, metric?.[of].bad ?? 0] as const)
      return {
        name: shown(name),
        candidate: side("candidate"),
        baseline: side("baseline"),
        promote: each.map((metric) => metric?.promoteEvidence ?? null),
      }
    }),
  }
}
