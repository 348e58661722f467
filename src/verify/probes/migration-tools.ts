import { createHash } from "node:crypto"
import type { Row } from "../../connect/database-session.ts"
import type { MigrationFile } from "./migration-files.ts"

/** A migration that should have run. */
export interface Wanted {
  readonly id: string
  /** As people call it. */
  readonly name: string
  readonly checksum?: string | undefined
  /** Ids of what it stands for, where it is several in one. */
  readonly replaces?: readonly string[]
  /** Ids of those that must have run before it, where the tool remembers the last alone. */
  readonly after?: readonly string[]
}

/** What a table says has run. */
export interface Records {
  /** Id → checksum. */
  readonly done: ReadonlyMap<string, string | undefined>
  /** What failed or was left half done, in words. */
  readonly failed: readonly string[]
  /** Everything that is not later than this has run. */
  readonly upTo?: string | undefined
}

/** One tool: how it names migrations and what it records. All of it is data and pure functions. */
export interface MigrationTool {
  readonly name: string
  readonly table: string
  /** The columns that tell its table, which are those that are read. */
  readonly has: readonly string[]
  readonly without?: readonly string[]
  ofFile(file: MigrationFile): Wanted | undefined
  ofName(name: string): Wanted | undefined
  records(rows: readonly Row[]): Records
  /** What of these has not run, where it is not simply what is not recorded. */
  pending?(wanted: readonly Wanted[], records: Records): readonly Wanted[]
}

const FETTLE: MigrationTool = {
  name: "fettle",
  table: "fettle_migrations",
  has: ["name", "checksum", "applied_at", "token"],
  ofFile: ({ path, text }) =>
    /^\d+_[^/]*\.sql$/i.test(path)
      ? { id: path, name: path, checksum: sha256(text.replaceAll("\r\n", "\n")) }
      : undefined,
  ofName: same,
  records: (rows) => ({ done: new Map(rows.map((row) => [text(row.name), text(row.checksum)])), failed: [] }),
}

const FLYWAY: MigrationTool = {
  name: "Flyway",
  table: "flyway_schema_history",
  has: ["installed_rank", "version", "description", "type", "script", "success"],
  ofFile: ({ path }) => flywayOf(path.split("/").at(-1) ?? ""),
  ofName: (name) => flywayOf(name) ?? { id: version(name), name },
  records: flywayRecords,
  pending: (wanted, { done, upTo }) =>
    wanted.filter(({ id }) => !done.has(id) && (upTo === undefined || id.startsWith("R ") || isLater(id, upTo))),
}

function flywayOf(name: string): Wanted | undefined {
  const [, kind, number = "", about = ""] = /^([VR])([\d._]*)__(.+?)(?:\.\w+)?$/.exec(name) ?? []
  if (kind === undefined || (kind === "V") === (number === "")) return undefined
  return { id: kind === "V" ? version(number) : `R ${about.replaceAll("_", " ")}`, name }
}

/** The last row of each counts: what was undone or deleted has not run. */
function flywayRecords(rows: readonly Row[]): Records {
  const done = new Map<string, undefined>()
  const failed = new Map<string, string>()
  let upTo: string | undefined
  for (const row of rows.toSorted((left, right) => Number(left.installed_rank) - Number(right.installed_rank))) {
    const type = text(row.type).toUpperCase()
    const id = row.version === null ? `R ${text(row.description)}` : version(text(row.version))
    if (type === "SCHEMA") continue
    if (type === "BASELINE") upTo = id
    failed.delete(id)
    if (!isTrue(row.success)) failed.set(id, `${text(row.script)} failed`)
    else if (/^UNDO|^DELETE/.test(type)) done.delete(id)
    else done.set(id, undefined)
  }
  return { done, failed: [...failed.values()], upTo }
}

const MIGRATE: MigrationTool = {
  name: "golang-migrate",
  table: "schema_migrations",
  has: ["version", "dirty"],
  ofFile: ({ path }) => (/\.up\.\w+$/.test(path) ? numbered(path.split("/").at(-1) ?? "") : undefined),
  ofName: numbered,
  records: (rows) => ({
    done: new Map(rows.map((row) => [version(text(row.version)), undefined])),
    failed: rows.filter((row) => isTrue(row.dirty)).map((row) => `version ${text(row.version)} is dirty`),
    upTo: rows.length === 0 ? undefined : version(text(rows[0]?.version)),
  }),
  pending: (wanted, { upTo }) => wanted.filter(({ id }) => upTo === undefined || isLater(id, upTo)),
}

const VERSIONS: MigrationTool = {
  name: "Rails, dbmate or Ecto",
  table: "schema_migrations",
  has: ["version"],
  without: ["dirty", "installed_rank"],
  ofFile: ({ path }) => (/\.down\.\w+$/.test(path) ? undefined : numbered(path.split("/").at(-1) ?? "")),
  ofName: numbered,
  records: (rows) => ({ done: new Map(rows.map((row) => [version(text(row.version)), undefined])), failed: [] }),
}

const KNEX: MigrationTool = {
  name: "Knex",
  table: "knex_migrations",
  has: ["name", "batch", "migration_time"],
  ofFile: ({ path }) => (path.includes("/") || /\.d\.[cm]?ts$/.test(path) ? undefined : { id: bare(path), name: path }),
  ofName: (name) => ({ id: bare(name), name }),
  records: (rows) => ({ done: new Map(rows.map((row) => [bare(text(row.name)), undefined])), failed: [] }),
}

const PRISMA: MigrationTool = {
  name: "Prisma",
  table: "_prisma_migrations",
  has: ["migration_name", "finished_at", "rolled_back_at", "started_at"],
  ofFile: ({ path }) => {
    const name = /(?:^|\/)([^/]+)\/migration\.sql$/.exec(path)?.[1]
    return name === undefined ? undefined : same(name)
  },
  ofName: same,
  records: (rows) => {
    const live = rows.filter((row) => row.rolled_back_at === null)
    const done = live.filter((row) => row.finished_at !== null).map((row) => text(row.migration_name))
    const open = live.filter((row) => row.finished_at === null).map((row) => text(row.migration_name))
    const failed = open.filter((name) => !done.includes(name)).map((name) => `${name} failed, or runs just now`)
    return { done: new Map(done.map((name) => [name, undefined])), failed }
  },
}

const ALEMBIC: MigrationTool = {
  name: "Alembic",
  table: "alembic_version",
  has: ["version_num"],
  ofFile: ({ path, text: source }) => {
    const id = /^revision(?:\s*:[^=\n]*)?\s*=\s*["']([^"']+)["']/m.exec(source)?.[1]
    if (id === undefined || !path.endsWith(".py")) return undefined
    const down = /^down_revision(?:\s*:[^=\n]*)?\s*=\s*(\([^)]*\)|[^\n]*)/m.exec(source)?.[1] ?? ""
    return { id, name: id, after: [...down.matchAll(/["']([^"']+)["']/g)].map(([, each = ""]) => each) }
  },
  ofName: same,
  records: (rows) => ({ done: new Map(rows.map((row) => [text(row.version_num), undefined])), failed: [] }),
  // The table holds the last of each line alone: what these come after has run, too.
  pending: (wanted, { done }) => {
    const byId = new Map(wanted.map((each) => [each.id, each]))
    const ran = new Set<string>()
    const waiting = [...done.keys()]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (ran.has(id)) continue
      ran.add(id)
      waiting.push(...(byId.get(id)?.after ?? []))
    }
    return wanted.filter(({ id }) => !ran.has(id))
  },
}

const DJANGO: MigrationTool = {
  name: "Django",
  table: "django_migrations",
  has: ["app", "name", "applied"],
  ofFile: ({ whole, text: source }) => {
    const [, app, name] = /([^/]+)\/migrations\/([^/_][^/]*)\.py$/.exec(whole) ?? []
    if (app === undefined || name === undefined || !/\bMigration\b/.test(source)) return undefined
    const replaced = /^\s*replaces\s*=\s*\[([\s\S]*?)\]/m.exec(source)?.[1] ?? ""
    const pairs = [...replaced.matchAll(/\(\s*["']([^"']+)["']\s*,\s*["']([^"']+)["']\s*,?\s*\)/g)]
    return { ...same(`${app}.${name}`), replaces: pairs.map(([, of = "", each = ""]) => `${of}.${each}`) }
  },
  ofName: same,
  records: (rows) => ({
    done: new Map(rows.map((row) => [`${text(row.app)}.${text(row.name)}`, undefined])),
    failed: [],
  }),
}

/** All that are known. Whoever has more columns stands before those that have fewer. */
export const TOOLS: readonly MigrationTool[] = [FETTLE, FLYWAY, PRISMA, KNEX, DJANGO, MIGRATE, ALEMBIC, VERSIONS]

/** The tool whose table has such columns. */
export function toolOf(columns: readonly string[]): MigrationTool | undefined {
  const there = new Set(columns.map((each) => each.toLowerCase()))
  return TOOLS.find(
    ({ has, without = [] }) => has.every((each) => there.has(each)) && !without.some((each) => there.has(each)),
  )
}

/** What of the wanted migrations has not run. */
export function pendingOf(tool: MigrationTool, wanted: readonly Wanted[], records: Records): readonly Wanted[] {
  const { done } = records
  const pending = tool.pending?.(wanted, records) ?? wanted.filter(({ id }) => !done.has(id))
  // One that stands for several has run where they have, and they have where it has.
  const replaced = new Set(wanted.filter(({ id }) => done.has(id)).flatMap(({ replaces = [] }) => replaces))
  const isReplaced = ({ id, replaces = [] }: Wanted): boolean =>
    replaced.has(id) || (replaces.length > 0 && replaces.every((each) => done.has(each)))
  return pending.filter((each) => !isReplaced(each))
}

function same(name: string): Wanted {
  return { id: name, name }
}

function numbered(name: string): Wanted | undefined {
  const number = /^(\d+)(?=[_.-]|$)/.exec(name)?.[1]
  return number === undefined ? undefined : { id: version(number), name }
}

/** Without leading zeros: 1_02 is 1.2. */
function version(text_: string): string {
  return text_
    .split(/[._]/)
    .map((part) => part.replace(/^0+(?=\d)/, ""))
    .join(".")
    .replace(/(?:\.0)+$/, "")
}

function isLater(left: string, right: string): boolean {
  const [a, b] = [left, right].map((each) => each.split(".").map((part) => BigInt(/^\d+$/.test(part) ? part : 0)))
  for (let at = 0; at < Math.max(a?.length ?? 0, b?.length ?? 0); at += 1) {
    const [x, y] = [a?.[at] ?? 0n, b?.[at] ?? 0n]
    if (x !== y) return x > y
  }
  return false
}

function bare(name: string): string {
  return name.replace(/\.\w+$/, "")
}

function text(cell: unknown): string {
  return String(cell ?? "")
}

/** Databases without booleans have numbers, and SQLite what was written. */
function isTrue(cell: unknown): boolean {
  return cell === true || cell === 1 || cell === "1" || cell === "t" || cell === "true"
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex")
}
