import { FettleError } from "../../errors.ts"
import type { SshOptions } from "./ssh-line.ts"
import type { SshWay } from "./ssh-speech.ts"

/** Everything that is known of a connection that did not begin. */
export interface SshEnd {
  readonly destination: string
  readonly target: string
  readonly options: SshOptions
  /** How the process ended: "exit code 255". */
  readonly how: string
  /** What stood on standard error, without ssh's own chatter. */
  readonly said: string
  readonly way: SshWay
}

/** One thing that can be wrong: ssh's words for it, and ours. */
interface Case {
  readonly words: RegExp
  readonly tell: (end: SshEnd, found: RegExpExecArray) => FettleError
}

/**
 * An error out of ssh's words, before anything of ours ran on the far side; undefined once somebody was logged in: what went wrong
 * then is for others to tell. The first case that fits is told; all it said stands in the cause.
 */
export function sshFailure(end: SshEnd): FettleError | undefined {
  if (/\bENOENT$/.test(end.how))
    return new FettleError("SSH_MISSING", `${end.target}: there is no ssh on this machine`, {
      next: "install the OpenSSH client (apt-get install openssh-client)",
    })
  if (end.way.authenticated) return undefined
  for (const { words, tell } of CASES) {
    const found = words.exec(end.said)
    if (found !== null) return tell(end, found)
  }
  return failed(end, `ssh ended with ${end.how}`, `ssh -v ${end.destination} shows how far it comes`)
}

const CASES: readonly Case[] = [
  {
    words: /REVOKED HOST KEY DETECTED/,
    tell: (end) =>
      said("HOST_KEY_REVOKED", end, "its host key is marked as revoked in known_hosts", {
        next: "somebody may be between you and it; ask who runs it, and do not go on until they gave it a new key",
      }),
  },
  {
    words: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    tell: (end) => {
      const now = /is\s+(SHA256:[A-Za-z0-9+/=]+)/.exec(end.said)?.[1]
      const place = /Offending (?:\S+ )?key in (\S+:\d+)/.exec(end.said)?.[1]
      const where = place === undefined ? "" : `; known_hosts remembers another (${place})`
      return said("HOST_KEY_CHANGED", end, `it showed the key ${now ?? "of another machine"}${where}`, {
        next: `compare that with what ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub prints at its console; only if it is the same: ssh-keygen -R ${knownAs(end)}, then ${trust(end)}`,
      })
    },
  },
  {
    words: /No (\S+) host key is known for (\S+) and you have requested strict|Host key verification failed/,
    tell: (end, [, , name]) =>
      said(
        "HOST_KEY_UNKNOWN",
        end,
        name === undefined ? "ssh could not verify a host key on the way" : `no host key is known for ${name}`,
        { next: trust(end) },
      ),
  },
  {
    words: /Bad owner or permissions on (.+)|Bad configuration option|Can't open user config file/,
    tell: (end) => failed(end, "ssh does not accept its configuration", "mend the file it names"),
  },
  {
    words: /Could not resolve hostname ([^:\s]+)/,
    tell: (end, [, name]) =>
      failed(
        end,
        `no address is known for ${name}`,
        `check the name; ssh -G ${end.destination} prints what ssh_config makes of it`,
      ),
  },
  {
    words: /open failed: ([^\n]+)|stdio forwarding failed/,
    tell: (end, [, why]) =>
      failed(
        end,
        `the jump host cannot reach it${why === undefined ? "" : ` (${why.trim()})`}`,
        "log in to the jump host and try from there",
      ),
  },
  {
    words: /connect to (?:host|address) (\S+) port (\d+): (Connection refused|No route to host|Network is unreachable)/,
    tell: (end, [, name, port, why]) =>
      failed(
        end,
        `${name} port ${port}: ${why?.toLowerCase()}`,
        why === "Connection refused"
          ? "see that it is up, that sshd runs and that the port is the right one"
          : "see that it is up and that a network leads there",
      ),
  },
  {
    words: /connect to (?:host|address) (\S+) port (\d+): [^\n]*timed out|Connection timed out/,
    tell: (end, [, name, port]) =>
      failed(
        end,
        `${name ?? "it"}${port === undefined ? "" : ` port ${port}`} did not answer in time`,
        "see that it is up and that no firewall swallows the connection",
      ),
  },
  {
    words: /Permission denied \(([^)]*)\)|Too many authentication failures|Permission denied, please try again/,
    tell: (end, [all, methods]) =>
      said(
        "LOGIN_REFUSED",
        end,
        methods === undefined ? (all as string).toLowerCase() : `it lets nobody in with what ssh offered (${methods})`,
        { next: `ssh-add -l lists the keys of your agent; ssh -v ${end.destination} shows which are tried` },
      ),
  },
  {
    words:
      /(?:kex_exchange_identification|ssh_exchange_identification|banner exchange)[^\n]*|Connection (?:closed|reset) by [^\n]*/,
    tell: (end) =>
      failed(
        end,
        end.way.reached ? "it closed the connection before the login" : "the connection was closed before sshd spoke",
        "see its log: too many connections at once (MaxStartups), a firewall, or a jump host that failed",
      ),
  },
  {
    words: /Unable to negotiate with [^\n]*/,
    tell: (end) =>
      failed(end, "it and ssh have no algorithm in common", "allow what it offers in ssh_config, or update its sshd"),
  },
]

/** What a person types to make the host known. */
function trust({ destination, options }: SshEnd): string {
  const config = options.config === undefined ? "" : ` --config ${options.config}`
  const port = options.port === undefined ? "" : ` --port ${options.port}`
  return `fettle trust ${destination}${config}${port}`
}

/** The name in known_hosts, as far as ssh's words tell it. */
function knownAs({ said, destination }: SshEnd): string {
  const name = /Host key for (\S+) has changed/.exec(said)?.[1]
  return JSON.stringify(name ?? destination.replace(/^ssh:\/\//, "").replace(/^.*@/, ""))
}

function failed(end: SshEnd, fact: string, next: string): FettleError {
  return said("CONNECTION_FAILED", end, fact, { next })
}

type Code = "HOST_KEY_REVOKED" | "HOST_KEY_CHANGED" | "HOST_KEY_UNKNOWN" | "LOGIN_REFUSED" | "CONNECTION_FAILED"

function said(code: Code, end: SshEnd, fact: string, { next }: { readonly next: string }): FettleError {
  const words = end.said.trim().replaceAll("\r", "")
  return new FettleError(code, `${end.target}: ${fact}`, { next, cause: words === "" ? end.how : `ssh says: ${words}` })
}
