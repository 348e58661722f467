import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Readable } from "node:stream"
import { FettleError } from "../../errors.ts"
import { sshFailure } from "./ssh-failure.ts"
import { checkSsh, type SshOptions, sshLine } from "./ssh-line.ts"
import { sshSays } from "./ssh-says.ts"
import { SshSpeech } from "./ssh-speech.ts"
import { mayStart } from "./starts.ts"

/** Longest time to get as far as a host key; a key on a token may want to be touched at a jump host. */
const KEY_MS = 60_000

/** What was found of one host's key. */
export type HostKeyFound =
  /** The operator's ssh knows it. */
  | { readonly destination: string; readonly known: string }
  /** It came for the first time. `lines` are for a known_hosts file; `file` is the one that ssh would write to. */
  | { readonly destination: string; readonly unknown: string; readonly lines: string; readonly file: string }
  | { readonly destination: string; readonly failed: FettleError }

/**
 * Asks a host for its key, the way that the operator's own ssh would take, and compares with what that knows. Nobody logs in and
 * nothing is written. A key that is known and has changed is a failure: that is what keys are for.
 */
export async function findHostKey(
  destination: string,
  options: SshOptions,
  signal: AbortSignal,
): Promise<HostKeyFound> {
  try {
    checkSsh(destination, options)
    const begun = await mayStart(signal)
    try {
      return await find(destination, options)
    } finally {
      begun()
    }
  } catch (thrown) {
    if (thrown instanceof FettleError) return { destination, failed: thrown }
    throw thrown
  }
}

/** Writes keys down as known, for good. @throws FettleError `FILE_REFUSED` */
export function rememberHostKey({ lines, file }: { readonly lines: string; readonly file: string }): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const before = existsSync(file) ? readFileSync(file, "utf8") : ""
    const gap = before === "" || before.endsWith("\n") ? "" : "\n"
    appendFileSync(file, `${gap}${lines.trimEnd()}\n`, { mode: 0o600 })
  } catch (cause) {
    throw new FettleError("FILE_REFUSED", `${file} cannot be written`, { cause })
  }
}

async function find(destination: string, options: SshOptions): Promise<HostKeyFound> {
  const strict = await knock(destination, options, ["StrictHostKeyChecking=yes"])
  const { hostKey } = strict.way
  const failure = sshFailure({ ...strict, destination, target: destination, options })
  const isKnown = failure === undefined || failure.code === "LOGIN_REFUSED"
  if (isKnown && hostKey !== undefined) return { destination, known: hostKey }
  // Without a key of the host itself it was one on the way that ssh did not like.
  if (failure?.code === "HOST_KEY_UNKNOWN" && hostKey === undefined) throw await unknownOnTheWay(destination, options)
  if (failure !== undefined && failure.code !== "HOST_KEY_UNKNOWN") throw failure
  return fetch(destination, options)
}

async function fetch(destination: string, options: SshOptions): Promise<HostKeyFound> {
  const settings = await settingsOf(destination, options)
  const file = firstFile(settings("userknownhostsfile"))
  if (file === "/dev/null" || file === "none")
    throw new FettleError("HOST_KEY_UNKNOWN", `ssh_config names no file for known keys of ${destination}`, {
      next: "let ssh_config name a UserKnownHostsFile",
    })
  const folder = mkdtempSync(join(tmpdir(), "fettle-"))
  try {
    const path = join(folder, "known")
    const accepting = [
      "StrictHostKeyChecking=accept-new",
      `UserKnownHostsFile=${path}`,
      "GlobalKnownHostsFile=/dev/null",
    ]
    const knocked = await knock(destination, options, [...accepting, "HashKnownHosts=no", "UpdateHostKeys=no"])
    const target = destination
    if (!existsSync(path))
      throw (
        sshFailure({ ...knocked, destination, target, options }) ??
        new FettleError("CONNECTION_FAILED", `${destination} showed no key`, { cause: knocked.said })
      )
    const { out } = await sshSays(["ssh-keygen", "-lf", path], KEY_MS)
    const fingerprints = [...out.matchAll(/^\d+ (SHA256:\S+) .*\((\S+)\)$/gm)].map(
      ([, hash, type]) => `${type} ${hash}`,
    )
    if (settings("hashknownhosts") === "yes") await sshSays(["ssh-keygen", "-q", "-H", "-f", path], KEY_MS)
    return { destination, unknown: fingerprints.join(", "), lines: readFileSync(path, "utf8"), file: absolute(file) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Connects, sees the key, and logs in with nothing. */
async function knock(
  destination: string,
  options: SshOptions,
  settings: readonly string[],
): Promise<{ readonly how: string; readonly said: string; readonly way: SshSpeech["way"] }> {
  const line = sshLine(destination, options, { asks: false, command: "exit", first: [...settings, ...NO_LOGIN] })
  const { how, err } = await sshSays(line, KEY_MS)
  const speech = new SshSpeech(Readable.from([err]))
  let said = ""
  for await (const text of speech.rest) said += text
  return { how, said, way: speech.way }
}

/** Before it, ssh has checked the key. */
const NO_LOGIN = ["PreferredAuthentications=none", "ControlPath=none"]

async function unknownOnTheWay(destination: string, options: SshOptions): Promise<FettleError> {
  const jump = (await settingsOf(destination, options))("proxyjump")
  const config = options.config === undefined ? "" : ` --config ${options.config}`
  return new FettleError("HOST_KEY_UNKNOWN", `${destination}: nobody here knows the key of its jump host ${jump}`, {
    next: `fettle trust ${jump.split(",")[0]}${config}`,
  })
}

/** What ssh_config makes of a destination. */
async function settingsOf(destination: string, options: SshOptions): Promise<(name: string) => string> {
  const { out } = await sshSays(sshLine(destination, options, { asks: false, only: "-G" }), KEY_MS)
  return (name) => new RegExp(`^${name} (.*)$`, "m").exec(out)?.[1] ?? ""
}

/**
 * The first of the files that `ssh -G` prints one behind the other, in quotes or not. Without quotes a space is part of a path where
 * no new path begins behind it, with a slash or a tilde.
 */
export function firstFile(printed: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(printed)?.[1]
  if (quoted !== undefined) return quoted.replaceAll(/\\(["\\])/g, "$1")
  const [first = ""] = printed.split(/ (?=[/~"]|none$)/)
  if (first === "") return "/dev/null"
  return /^[/~]/.test(first) ? first : (first.split(" ")[0] ?? first)
}

function absolute(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path
}
