import { FettleError } from "../../errors.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import type { Secret } from "../../secrets/secret.ts"
import { quote } from "./quote.ts"

/** How a session becomes another user than the one that logged in. The default of `user` is "root". */
export type Become =
  | {
      readonly by: "sudo"
      readonly user?: string
      /** Where sudo asks for one: given on its standard input, once. */
      readonly password?: Secret<string>
    }
  /** Doas takes a password only from a terminal: its rule must say nopass. */
  | { readonly by: "doas"; readonly user?: string }

/** How a host is reached: what the operator's own `ssh` cannot know by itself. All else is in ssh_config. */
export interface SshOptions {
  /** Stored in state beside what is made through it. Default: the destination, with the user it becomes. */
  readonly name?: string
  /** Words by which `--limit` chooses it, besides its name. */
  readonly tags?: readonly string[]
  /** User to log in as. Default: as ssh_config says. */
  readonly user?: string
  readonly port?: number
  /** An ssh_config file to read instead of the operator's own. */
  readonly config?: string
  readonly identityFile?: string
  /**
   * How long the machine may take to answer and to agree on keys; its session must begin within six times that. Default "10s". Who is
   * not there by then has failed.
   */
  readonly connectTimeout?: Duration
  /** Default: stay the user that logged in. */
  readonly become?: "sudo" | "doas" | Become
  /**
   * "fast" puts X25519 before the post-quantum key exchange: with OpenSSH before 10 that saves a tenth of a second for each host.
   * What is recorded today can then be read by a quantum computer of tomorrow.
   */
  readonly kex?: "fast"
}

/** What a host, an alias or an address may be made of; a first "-" would be an option, and ssh_config may hand it to a shell. */
const DESTINATION = /^[A-Za-z0-9_:[][A-Za-z0-9_.:%@[\]/+~-]{0,254}$/
/** What OpenSSH itself takes for a user, without quotes and what a shell would expand. */
const USER = /^[A-Za-z0-9_.][^\s\p{Cc}'"`$;&<>|(){}]{0,127}$/u

/** Checks everything that will stand on a command line. @throws FettleError `PROPS_INVALID` */
export function checkSsh(
  destination: string,
  { user, port, config, identityFile, become, connectTimeout }: SshOptions,
): void {
  const bad = (what: string, value: unknown): never => {
    throw new FettleError("PROPS_INVALID", `host.ssh: ${what} cannot be ${JSON.stringify(value)}`, {
      next: `give the ${what} as you would to ssh, or name it in ssh_config`,
    })
  }
  const login = /^(?:ssh:\/\/)?(.*)@/.exec(destination)?.[1]
  if (typeof destination !== "string" || !DESTINATION.test(destination)) bad("destination", destination)
  if (login !== undefined && !isUser(login)) bad("user", login)
  if (user !== undefined && !isUser(user)) bad("user", user)
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) bad("port", port)
  for (const [what, path] of Object.entries({ config, identityFile }))
    if (path !== undefined && (path === "" || path.startsWith("-") || /\p{Cc}/u.test(path))) bad(what, path)
  if (connectTimeout !== undefined && !isConnectTime(connectTimeout)) bad("connectTimeout", connectTimeout)
  const other = typeof become === "object" ? become.user : undefined
  if (other !== undefined && !isUser(other)) bad("become.user", other)
}

function isUser(name: string): boolean {
  return USER.test(name) && !name.endsWith("\\")
}

/** Where nothing else is said. */
const CONNECT_MS = 10_000
/** Longest that may be said: beyond that nobody waits. */
const CONNECT_MAX_MS = 3_600_000
/** Seconds of silence after which ssh asks whether the host is still there; it gives up after three of them. */
const ALIVE_S = 15

/** @throws FettleError `POLICY_INVALID` for what is no duration */
function isConnectTime(time: Duration): boolean {
  const ms = durationMs(time)
  return ms > 0 && ms <= CONNECT_MAX_MS
}

/** How long a connection may take to begin, in milliseconds. */
export function connectMs({ connectTimeout }: SshOptions): number {
  return connectTimeout === undefined ? CONNECT_MS : durationMs(connectTimeout)
}

/** What one start of ssh is for. */
export interface SshHow {
  /** Ssh may ask somebody. */
  readonly asks: boolean
  /** One line for the login shell. */
  readonly command?: string
  /** In place of a command: its standard streams are a connection from there to this `host:port`. */
  readonly forward?: string
  /** A `ProxyCommand` in the place of what ssh_config says. */
  readonly through?: string | undefined
  /** Jump hosts in the place of what ssh_config says. */
  readonly jump?: string
  /** Only the connection itself, for others to share over this socket. */
  readonly master?: string
  /** Settings that come before all others: ssh takes the first of each. */
  readonly first?: readonly string[]
  /** Print what ssh_config makes of the destination, and connect to nothing. */
  readonly only?: "-G"
}

/** Whatever an ssh_config says: a known host, nothing forwarded, nothing run but what is asked for. */
export const CLOSED = [
  "StrictHostKeyChecking=yes",
  "ForwardAgent=no",
  "ForwardX11=no",
  "ClearAllForwardings=yes",
  "PermitLocalCommand=no",
  "RemoteCommand=none",
] as const

/**
 * The operator's own ssh, without what could surprise: keys of hosts are checked, nothing is forwarded, nothing else runs. Every
 * other setting is as ssh_config says. DEBUG1 is where ssh tells which host key it saw.
 */
export function sshLine(destination: string, options: SshOptions, how: SshHow): readonly [string, ...string[]] {
  const set = [
    ...(how.first ?? []),
    `BatchMode=${how.asks ? "no" : "yes"}`,
    ...CLOSED,
    "RequestTTY=no",
    ...(how.master === undefined ? ["ControlMaster=no"] : ["ControlMaster=yes", `ControlPath=${how.master}`]),
    "LogLevel=DEBUG1",
    `ConnectTimeout=${Math.ceil(connectMs(options) / 1_000)}`,
    `ServerAliveInterval=${ALIVE_S}`,
    "EscapeChar=none",
    ...(options.kex === "fast" ? ["KexAlgorithms=^curve25519-sha256"] : []),
    ...(how.through === undefined ? [] : [`ProxyCommand=${how.through}`]),
    ...(how.jump === undefined ? [] : [`ProxyJump=${how.jump}`]),
  ]
  return [
    "ssh",
    ...reach(options),
    ...(how.only === undefined ? ["-T"] : [how.only]),
    ...(how.master === undefined ? [] : ["-N"]),
    ...(how.forward === undefined ? [] : ["-W", how.forward]),
    ...set.flatMap((each) => ["-o", each]),
    "--",
    destination,
    ...(how.command === undefined ? [] : [how.command]),
  ]
}

/** The options that say where a destination is. */
export function reach({ config, user, port, identityFile }: SshOptions): readonly string[] {
  return [
    ...(config === undefined ? [] : ["-F", config]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(identityFile === undefined ? [] : ["-i", identityFile]),
  ]
}

/** An argument list as the one line that ssh hands to the login shell: `exec`, so that nothing of that shell stays. */
export function remoteLine(argv: readonly string[]): string {
  return `exec ${argv.map((word) => (/^[A-Za-z0-9_./=-]+$/.test(word) ? word : quote(word))).join(" ")}`
}

/** The words before a shell that make it another user's. `prompt` is what sudo asks with where a password may be given. */
export function becomeWords(become: Become | undefined, prompt: string): readonly string[] {
  if (become === undefined) return []
  const user = become.user ?? "root"
  if (become.by === "doas") return ["doas", "-n", "-u", user, "--"]
  const asking = become.password === undefined ? ["-n"] : ["-S", "-p", prompt]
  return ["sudo", "-H", ...asking, "-u", user, "--"]
}

/** `become` in its long form. */
export function becomeOf(become: SshOptions["become"]): Become | undefined {
  return typeof become === "string" ? { by: become } : become
}
