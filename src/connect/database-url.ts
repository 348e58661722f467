import { isIP } from "node:net"
import type { DialTo } from "./dial.ts"

/** How TLS is to be spoken, as a program says it. */
export interface TlsGiven {
  /** Certificate authorities to trust in the place of the system's, as PEM text. */
  readonly ca?: string | undefined
  /** "full" (default): the certificate is trusted and names the server. "ca": it is trusted. "none": anybody's will do. */
  readonly verify?: "full" | "ca" | "none" | undefined
  /** Our own certificate and its key, as PEM text. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name that the certificate must have, where it is not the host of the URL. */
  readonly serverName?: string | undefined
}

export interface TlsWish extends TlsGiven {
  readonly verify: "full" | "ca" | "none"
  readonly serverName: string
  /** Whether somebody said that certificates are looked at, or the URL only wants TLS. */
  readonly verified: "said" | "unsaid"
  /** TLS from the first byte on. */
  readonly direct: boolean
}

/** Where a database is and who asks it. */
export interface DatabaseLogin {
  readonly to: DialTo
  readonly user: string
  readonly password: string | undefined
  readonly database: string | undefined
  /** What the settings of the session begin with: PostgreSQL's `options`. */
  readonly options: string | undefined
  readonly tls: TlsWish | undefined
  /** TLS is turned off, in so many words. */
  readonly isPlain: boolean
}

export interface LoginGiven {
  readonly url: string
  readonly password?: string | undefined
  readonly tls?: TlsGiven | false | undefined
}

/** In words without a piece of the URL: it may be a secret. */
export interface WrongLogin {
  readonly wrong: string
}

interface Rules {
  readonly scheme: RegExp
  readonly name: string
  readonly port: number
  /** The socket that a path means. */
  readonly socket: (path: string, port: number) => string
  readonly socketKeys: readonly string[]
}

const RULES = {
  postgres: {
    scheme: /^postgres(?:ql)?$/,
    name: "postgres://",
    port: 5432,
    socket: (path, port) => (/\.s\.PGSQL\.\d+$/.test(path) ? path : `${path.replace(/\/$/, "")}/.s.PGSQL.${port}`),
    socketKeys: ["host"],
  },
  mariadb: {
    scheme: /^(?:mariadb|mysql)$/,
    name: "mysql:// or mariadb://",
    port: 3306,
    socket: (path) => path,
    socketKeys: ["socket", "socketpath", "unix_socket"],
  },
} as const satisfies Record<string, Rules>

const URL_PARTS =
  /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?(\[[^\]/?#@]*\]|[^/?#:@,]*)(?::(\d*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/i

/** Reads the URL of a database as the clients of applications do. */
export function loginOf(type: keyof typeof RULES, given: LoginGiven): DatabaseLogin | WrongLogin {
  const rules: Rules = RULES[type]
  const parts = URL_PARTS.exec(given.url)
  if (parts === null)
    return { wrong: `it is no URL of one host as in ${rules.name}user@host/database (are @ : / ? # in it encoded?)` }
  const [, scheme = "", who = "", host = "", port = "", path = "", query = ""] = parts
  if (!rules.scheme.test(scheme.toLowerCase())) return { wrong: `its URL does not begin with ${rules.name}` }
  const params = new Map([...new URLSearchParams(query)].map(([key, value]) => [key.toLowerCase(), value]))
  try {
    const colon = who.indexOf(":")
    const user = decodeURIComponent(colon < 0 ? who : who.slice(0, colon)) || params.get("user") || ""
    const inUrl = colon < 0 ? params.get("password") : decodeURIComponent(who.slice(colon + 1))
    if (user === "") return { wrong: "its URL names no user" }
    const to = placeOf(rules, decodeURIComponent(host), port, params)
    const tls = tlsOf(given.tls, params, to, type)
    if ("wrong" in tls) return tls
    const database = decodeURIComponent(path) || params.get("dbname")
    return { to, user, password: given.password ?? inUrl, database, options: optionsOf(params), ...tls }
  } catch {
    return { wrong: "a percent sign in its URL encodes nothing" }
  }
}

function placeOf(rules: Rules, inUrl: string, portText: string, params: ReadonlyMap<string, string>): DialTo {
  const port = Number(portText || params.get("port") || rules.port)
  const path = [inUrl, ...rules.socketKeys.map((key) => params.get(key))].find((each) => each?.startsWith("/"))
  if (path !== undefined) return { path: rules.socket(path, port) }
  const host = inUrl || (rules.socketKeys.includes("host") ? params.get("host") : undefined) || "localhost"
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port }
}

/** Prisma's `schema` is the search path of others. */
function optionsOf(params: ReadonlyMap<string, string>): string | undefined {
  const schema = params.get("schema")
  const path = schema === undefined || !/^\w+$/.test(schema) ? undefined : `-c search_path=${schema}`
  return [params.get("options"), path].filter((each) => each !== undefined).join(" ") || undefined
}

/** What the words of clients for TLS mean. None of them turns verification off: that is said in the settings, or not at all. */
const MODES: Readonly<Record<string, "plain" | "full" | "ca" | "unsaid" | "unverified" | "either">> = {
  disable: "plain",
  disabled: "plain",
  false: "plain",
  "0": "plain",
  allow: "either",
  prefer: "either",
  preferred: "either",
  require: "unsaid",
  required: "unsaid",
  true: "unsaid",
  "1": "unsaid",
  strict: "full",
  "verify-ca": "ca",
  "verify-full": "full",
  "verify-identity": "full",
  "no-verify": "unverified",
  trust: "unverified",
  "accept-invalid-certs": "unverified",
}
const MODE_KEYS = ["sslmode", "ssl-mode", "ssl_mode", "ssl", "usessl", "sslaccept", "tls"]
/** Files on a machine that we may not be on. */
const FILE_KEYS = ["sslrootcert", "sslca", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key", "sslidentity"]

type Tls = Pick<DatabaseLogin, "tls" | "isPlain">

function tlsOf(
  given: TlsGiven | false | undefined,
  params: ReadonlyMap<string, string>,
  to: DialTo,
  type: keyof typeof RULES,
): Tls | WrongLogin {
  if (given === false) return { tls: undefined, isPlain: true }
  if ("path" in to && type === "postgres") return { tls: undefined, isPlain: true } // it speaks none there
  const direct = params.get("sslnegotiation") === "direct"
  const wish = (verify: TlsWish["verify"], verified: TlsWish["verified"]): Tls | WrongLogin => {
    const serverName = given?.serverName ?? ("path" in to ? undefined : to.host)
    if (serverName === undefined && verify === "full")
      return { wrong: "tls wants the serverName that the certificate must have: the URL has the path of a socket" }
    return { tls: { ...given, verify, verified, direct, serverName: serverName ?? "" }, isPlain: false }
  }
  if (given !== undefined) return wish(given.verify ?? "full", "said")
  const file = FILE_KEYS.find((key) => params.has(key) && params.get(key) !== "system")
  if (file !== undefined) return { wrong: `${file} names a file: give its text in tls, as in tls: { ca }` }
  const modes = MODE_KEYS.flatMap((key) => (params.has(key) ? [modeOf(params.get(key) as string)] : []))
  const mode = ["full", "ca", "unverified", "either", "unsaid", "plain"].find((each) => modes.includes(each as never))
  if (modes.includes(undefined)) return { wrong: "its URL says something of TLS that is not known here: say it in tls" }
  if (mode === "unverified")
    return { wrong: 'its URL wants TLS without a look at the certificate: say that with tls: { verify: "none" }' }
  if (mode === "either")
    return { wrong: "its URL leaves it open whether TLS is spoken: say it with tls: false or tls: { ca }" }
  if (mode === "full" || mode === "ca") return wish(mode, "said")
  if (mode === "unsaid" || direct) return wish("full", "unsaid")
  return { tls: undefined, isPlain: mode === "plain" }
}

function modeOf(text: string): (typeof MODES)[string] | undefined {
  const word = text.toLowerCase().replaceAll("_", "-")
  if (!word.startsWith("{")) return MODES[word]
  return /"rejectunauthorized"\s*:\s*(?:false|0)/.test(word) ? "unverified" : "unsaid"
}

/** Whether a name is one that TLS may be told: an address is not. */
export function sniOf(serverName: string): string | undefined {
  return serverName === "" || isIP(serverName) !== 0 ? undefined : serverName
}
