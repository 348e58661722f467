import { mkdtempSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import { startPiped } from "../process.ts"
import { type Asks, askThrough } from "./askpass.ts"
import { endChild, endOf } from "./carrier.ts"
import { sshFailure } from "./ssh-failure.ts"
import { type SshOptions, sshLine } from "./ssh-line.ts"
import { SshSpeech } from "./ssh-speech.ts"

/** Longest time to log in; a key on a token wants to be touched. */
const MASTER_MS = 60_000
/** The same where a person may have to type. */
const ASKED_MS = 300_000
/** How often is looked whether it has begun. */
const POLL_MS = 20
/** Characters kept of what it says. */
const SAID_MAX = 16_384
/** Keeps a child only as long as we live: our end closes standard input, however we end. Its folder goes with it. */
const KEEPER =
  'exec 3<&0; "$@" </dev/null & p=$!; { read -r x <&3; kill $p; } 2>/dev/null & wait $p; r=$?; rm -rf -- "$0"; exit $r'

export interface SshMasterParts {
  readonly destination: string
  /** What people call it. */
  readonly target: string
  readonly options: SshOptions
  readonly asks: Asks | undefined
  /** Jump hosts in the place of what ssh_config says. */
  readonly jump?: string
}

/** A connection of the operator's ssh that others share. */
export interface SshMaster {
  /** Private, and gone with the connection. */
  readonly folder: string
  /** For `ssh -S`; with nothing in it that ssh would put something else in the place of. */
  readonly socket: string
  /** Resolves when it is logged in. Rejects with what it cannot be reached with. */
  readonly begun: Promise<void>
  /** What it said after its login, without its own chatter. */
  said(): string
  end(): void
}

/** Logs in once, for all who go the same way. It lives until `end`, or until this process ends. */
export function startMaster(parts: SshMasterParts): SshMaster {
  const { destination, target, options, asks, jump } = parts
  const folder = mkdtempSync(join(tmpdir(), "fettle-")) // 0700; short, because a socket's path may have 104 characters
  const socket = join(folder, "s")
  const asking = askThrough(target, asks)
  const how = { asks: asking !== undefined, master: noToken(socket), ...(jump !== undefined && { jump }) }
  const line = sshLine(destination, options, how)
  const words = asking === undefined ? line : ["env", ...asking.words, ...line]
  const child = startPiped(["sh", "-c", KEEPER, folder, ...words])
  const speech = new SshSpeech(child.stderr)
  let said = ""
  speech.rest.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX)
  })
  child.stdout.resume()
  child.stdin.on("error", () => {})
  let ending: string | undefined
  const ended = endOf(child).then((text) => {
    ending = text
  })
  const begun = async (): Promise<void> => {
    const until = performance.now() + (asks === undefined ? MASTER_MS : ASKED_MS)
    while (ending === undefined && !isSocket(socket) && performance.now() < until) await sleep(POLL_MS)
    if (ending === undefined && isSocket(socket)) return
    endChild(child, "SIGKILL")
    await ended
    const end = { destination, target, options, said, way: speech.way, how: ending ?? "no answer" }
    throw sshFailure(end) ?? new FettleError("CONNECTION_FAILED", `${target}: no connection in time`)
  }
  return {
    folder,
    socket: noToken(socket),
    begun: begun().finally(() => asking?.end()),
    said: () => said,
    end: () => child.stdin.end(),
  }
}

/** Ssh puts something in the place of what follows a percent sign. */
function noToken(path: string): string {
  return path.replaceAll("%", "%%")
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true
}
