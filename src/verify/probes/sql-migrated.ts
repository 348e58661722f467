import { resolve } from "node:path"
import type { Row } from "../../connect/database-session.ts"
import { causeText } from "../../errors.ts"
import { type Answer, inconclusive, no, type Question, yes } from "../answer.ts"
import { migrationFiles } from "./migration-files.ts"
import { type MigrationTool, pendingOf, TOOLS, toolOf, type Wanted } from "./migration-tools.ts"
import { type Far, ROWS_MAX } from "./sql-far.ts"

interface Settings {
  readonly folder?: string | undefined
  readonly names?: readonly string[] | undefined
  readonly table?: string | undefined
}

/** Names in evidence. */
const NAMES_MAX = 3

/** Whether everything that should have run in a database has. */
export async function judgeMigrated(far: Far, settings: Settings, question: Question): Promise<Answer> {
  const recorded = await recordedIn(far, settings.table)
  if ("verdict" in recorded) return recorded
  const { tool, table, rows } = recorded
  const wanted = await wantedOf(tool, settings, question)
  if ("verdict" in wanted) return wanted
  const records = tool.records(rows)
  const pending = pendingOf(tool, wanted, records)
  const edited = wanted.filter(({ id, checksum }) => isOther(checksum, records.done.get(id)))
  const known = new Set(wanted.map(({ id }) => id))
  const more = [...records.done.keys()].filter((id) => !known.has(id))
  const measured = { migrations: wanted.length, pending: pending.length, table, tool: tool.name }
  const faults = [
    ...records.failed,
    ...(edited.length === 0 ? [] : [`${listed(edited)} ${edited.length === 1 ? "was" : "were"} edited after running`]),
    ...(pending.length === 0 ? [] : [`${pending.length} of ${wanted.length} have not run: ${listed(pending)}`]),
  ]
  if (faults.length > 0) return no(question.hide(`${table}: ${faults.join("; ")}`), measured)
  const others = more.length === 0 || tool.pending !== undefined ? "" : `, and ${more.length} more that are not there`
  return yes(question.hide(`${table}: all ${wanted.length} migrations have run${others}`), measured)
}

function isOther(wanted: string | undefined, ran: string | undefined): boolean {
  return wanted !== undefined && ran !== undefined && wanted !== ran
}

function listed(all: readonly Wanted[]): string {
  const names = all.slice(0, NAMES_MAX).map(({ name }) => name)
  return all.length <= NAMES_MAX ? names.join(", ") : `${names.join(", ")} and ${all.length - NAMES_MAX} more`
}

interface Recorded {
  readonly tool: MigrationTool
  readonly table: string
  readonly rows: readonly Row[]
}

/** The one table of migrations, and what it holds. */
async function recordedIn(far: Far, named: string | undefined): Promise<Recorded | Answer> {
  const tables = named === undefined ? [...new Set(TOOLS.map(({ table }) => table))] : [named]
  const found = await far.columns(tables)
  const [table, columns] = [...found][0] ?? []
  if (table === undefined || columns === undefined)
    return no(
      named === undefined ? `there is no table of migrations (${tables.join(", ")})` : `there is no table ${named}`,
    )
  if (found.size > 1)
    return inconclusive(`there are several tables of migrations: name one of them (${[...found.keys()].join(", ")})`)
  const tool = toolOf(columns)
  if (tool === undefined) return inconclusive(`the columns of ${table} are those of no tool that is known here`)
  const rows = await far.records(
    table,
    columns.filter((each) => tool.has.includes(each.toLowerCase())),
  )
  if (rows === undefined) return inconclusive(`${table} holds more than ${ROWS_MAX} rows`)
  const lower = (row: Row): Row =>
    Object.fromEntries(Object.entries(row).map(([name, cell]) => [name.toLowerCase(), cell]))
  return { tool, table, rows: rows.map(lower) }
}

async function wantedOf(
  tool: MigrationTool,
  { folder, names = [] }: Settings,
  { tools, where, signal }: Question,
): Promise<readonly Wanted[] | Answer> {
  if (folder === undefined) {
    const wrong = names.find((name) => tool.ofName(name) === undefined)
    if (wrong !== undefined)
      return { ...inconclusive(`${wrong} is no name of a migration of ${tool.name}`), lasting: true }
    return names.flatMap((name) => tool.ofName(name) ?? [])
  }
  const path = resolve(where.type === "host" ? where.here : tools.cwd, folder)
  try {
    const wanted = (await migrationFiles(path, signal)).flatMap((file) => tool.ofFile(file) ?? [])
    return wanted.length > 0 ? wanted : inconclusive(`there is no migration of ${tool.name} in ${folder}`)
  } catch (error) {
    if (signal.aborted) throw error
    return inconclusive(`the folder ${folder} cannot be read: ${causeText(error)}`)
  }
}
