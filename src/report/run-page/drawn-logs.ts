import { count } from "../amounts.ts"
import { type Run, runsOf } from "./ansi.ts"
import type { LogLine } from "./kept-log.ts"
import { placed } from "./placed.ts"
import { finishOf, type NodeRecord, type RunRecord } from "./run-record.ts"

/** Text that the logs of one report may hold, in characters: a page of more opens slowly and is read by nobody. */
const TEXT_MAX = 8_000_000

const STREAMS = ["stdout", "stderr", "fettle"] as const satisfies LogLine["stream"][]

/** One line: which stream, and its text in pieces. A line that stands for others is of stream 3. */
export type LineData = readonly [stream: number, ...runs: Run[]]

/** Logs with the position of their node, as far as they fit; those of nodes that failed come first. */
export function logData(record: RunRecord): readonly (readonly [node: number, lines: readonly LineData[]])[] {
  const positions = new Map(placed(record).addresses.map((address, at) => [address, at]))
  const nodes = [...record.nodes.values()].filter(({ log }) => log !== undefined)
  const isBad = (node: NodeRecord): boolean => ["failed", "maybe"].includes(finishOf(node)?.outcome ?? "")
  const logs: (readonly [number, readonly LineData[]])[] = []
  let room = TEXT_MAX
  for (const { address, log } of [...nodes.filter(isBad), ...nodes.filter((node) => !isBad(node))]) {
    if (log === undefined) continue
    const between: readonly LineData[] =
      log.left === 0 ? [] : [[STREAMS.length, `… ${count(log.left)} lines are left out here; fettle logs prints them`]]
    const lines = [...log.head.map(lineData), ...between, ...log.tail.map(lineData)]
    const fitting = room > 0 ? lines : ([[STREAMS.length, "left out here; fettle logs prints it"]] as const)
    for (const [, ...runs] of fitting) for (const run of runs) room -= (typeof run === "string" ? run : run[1]).length
    logs.push([positions.get(address) ?? 0, fitting])
  }
  return logs
}

function lineData({ stream, text }: LogLine): LineData {
  return [STREAMS.indexOf(stream), ...runsOf(text)]
}
