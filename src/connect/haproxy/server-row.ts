import { type Row, stateRows, statRows } from "./tables.ts"

/** What HAProxy says of one server. */
export interface RuntimeServer {
  readonly backend: string
  readonly name: string
  /** An IP address; "" where it has none yet. */
  readonly address: string
  readonly port: number
  /** 0 to 256. */
  readonly weight: number
  /** What an operator asked for, whatever its checks say. */
  readonly state: "ready" | "drain" | "maint"
  /** Whether its checks, or the lack of them, let it take requests. */
  readonly isUp: boolean
  /** undefined: it has no checks. */
  readonly check:
    | { readonly rise: number; readonly fall: number; readonly passed: boolean; readonly words: string }
    | undefined
  /** undefined: no limit. */
  readonly maxConnections: number | undefined
  /** How often its checks have found it down after it was up. */
  readonly falls: number
  /** Requests or connections that are with it now. */
  readonly sessions: number
  /** Requests that wait for it. */
  readonly queued: number
  readonly counters: ServerCounters
}

/** Counted since HAProxy started, or the server was added. Times are means of its last 1,024 requests. */
export interface ServerCounters {
  readonly sessions: number
  /** HTTP responses by the first digit of their status. */
  readonly responses: Readonly<Record<"1xx" | "2xx" | "3xx" | "4xx" | "5xx" | "other", number>>
  /** All HTTP responses of it. */
  readonly requests: number
  readonly connectErrors: number
  readonly responseErrors: number
  readonly retries: number
  readonly redispatches: number
  readonly clientAborts: number
  readonly serverAborts: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly queueMs: number
  readonly connectMs: number
  readonly responseMs: number
  readonly totalMs: number
}

/** What one request shows: the backends, and all their servers. */
export interface RuntimeView {
  readonly backends: ReadonlySet<string>
  /** By "backend/server". */
  readonly servers: ReadonlyMap<string, RuntimeServer>
}

/** Commands whose answers `viewOf` reads, in one line. */
export const VIEW_COMMANDS = ["show servers state", "show stat -1 6 -1"] as const

/** Bits of `srv_admin_state`: set by an operator, inherited, from the config, or for want of an address. */
const MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
const DRAIN = 0x08 | 0x10
/** `srv_check_state`: the server has checks. */
const CHECK_CONFIGURED = 0x02
/** `srv_check_result`: the last check passed, or passed on conditions. */
const CHECK_PASSED: ReadonlySet<number> = new Set([3, 4])
/** `srv_op_state`: running; what is stopping still takes what it has. */
const RUNNING = 2

/** Reads the answer to `VIEW_COMMANDS`. @throws FettleError `HAPROXY_PROTOCOL` */
export function viewOf(answer: string): RuntimeView {
  const at = answer.indexOf("# pxname,")
  const states = stateRows(at < 0 ? answer : answer.slice(0, at))
  const stats = statRows(at < 0 ? "" : answer.slice(at))
  const backends = new Set<string>()
  const statOf = new Map<string, Row>()
  for (const row of stats) {
    if (row.get("svname") === "BACKEND") backends.add(text(row, "pxname"))
    else statOf.set(`${text(row, "pxname")}/${text(row, "svname")}`, row)
  }
  const servers = new Map<string, RuntimeServer>()
  for (const row of states) {
    const key = `${text(row, "be_name")}/${text(row, "srv_name")}`
    const stat = statOf.get(key)
    if (stat !== undefined) servers.set(key, serverOf(row, stat)) // else it came or went between two answers
  }
  return { backends, servers }
}

function serverOf(row: Row, stat: Row): RuntimeServer {
  const admin = number(row, "srv_admin_state")
  const address = text(row, "srv_addr")
  const limit = text(stat, "slim")
  return {
    backend: text(row, "be_name"),
    name: text(row, "srv_name"),
    address: address === "-" ? "" : address,
    port: number(row, "srv_port"),
    weight: number(row, "srv_uweight"),
    state: (admin & MAINT) !== 0 ? "maint" : (admin & DRAIN) !== 0 ? "drain" : "ready",
    isUp: number(row, "srv_op_state") === RUNNING,
    check: checkOf(row, stat),
    maxConnections: limit === "" || limit === "0" ? undefined : Number(limit),
    falls: text(stat, "chkdown") === "" ? 0 : number(stat, "chkdown"),
    sessions: number(stat, "scur"),
    queued: number(stat, "qcur"),
    counters: countersOf(stat),
  }
}

function checkOf(row: Row, stat: Row): RuntimeServer["check"] {
  if ((number(row, "srv_check_state") & CHECK_CONFIGURED) === 0) return undefined
  const words = [text(stat, "check_status"), text(stat, "check_code"), text(stat, "last_chk")]
  return {
    rise: number(stat, "check_rise"),
    fall: number(stat, "check_fall"),
    passed: CHECK_PASSED.has(number(row, "srv_check_result")),
    words: words.filter((each) => each !== "").join(", "),
  }
}

function countersOf(stat: Row): ServerCounters {
  const responses = {
    "1xx": number(stat, "hrsp_1xx"),
    "2xx": number(stat, "hrsp_2xx"),
    "3xx": number(stat, "hrsp_3xx"),
    "4xx": number(stat, "hrsp_4xx"),
    "5xx": number(stat, "hrsp_5xx"),
    other: number(stat, "hrsp_other"),
  }
  return {
    sessions: number(stat, "stot"),
    responses,
    requests: Object.values(responses).reduce((sum, each) => sum + each, 0) - responses["1xx"],
    connectErrors: number(stat, "econ"),
    responseErrors: number(stat, "eresp"),
    retries: number(stat, "wretr"),
    redispatches: number(stat, "wredis"),
    clientAborts: number(stat, "cli_abrt"),
    serverAborts: number(stat, "srv_abrt"),
    bytesIn: number(stat, "bin"),
    bytesOut: number(stat, "bout"),
    queueMs: number(stat, "qtime"),
    connectMs: number(stat, "ctime"),
    responseMs: number(stat, "rtime"),
    totalMs: number(stat, "ttime"),
  }
}

function text(row: Row, name: string): string {
  return row.get(name) ?? ""
}

/** 0 where HAProxy prints nothing. */
function number(row: Row, name: string): number {
  const value = Number(row.get(name) ?? "")
  return Number.isFinite(value) ? value : 0
}
