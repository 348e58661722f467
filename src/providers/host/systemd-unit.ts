import { createHash } from "node:crypto"

/** What a unit is written from. */
export interface UnitParts {
  readonly directory: string
  readonly command: readonly string[]
  readonly cwd?: string | undefined
  readonly stop: { readonly signal: string; readonly graceMs: number }
}

/** Paths that mean themselves in a unit file, where there are specifiers, patterns, quotes and comments. */
const PLAIN_PATH = /^[\p{L}\p{N}/._+@:,=~ -]*(?<! )$/u
/** Longest part of a unit's name that comes from the path: a name has at most 255 bytes, and nobody reads more. */
const SLUG_MAX = 80
/** From an end to the next start: a command that cannot run is no load, and one that fell over is soon back. */
const RESTART_S = 2

/** Whether a path can stand in a unit file. */
export function fitsUnit(path: string): boolean {
  return PLAIN_PATH.test(path)
}

/**
 * The name of the unit of a directory: what can be read of the path, and a hash that tells like ones apart.
 * @example unitName("/srv/shop/run") // "fettle-srv-shop-run-6d13ebdb.service"
 */
export function unitName(directory: string): string {
  const slug = directory.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "")
  return `fettle-${slug.slice(-SLUG_MAX)}-${sha256(directory).slice(0, 8)}.service`
}

/**
 * The unit file. The environment stands in files of mode 0600 and never here: a unit can be read by everybody. `default.target` is
 * what a system boots into, and what the systemd of a user starts.
 */
export function unitText({ directory, command, cwd = "/", stop }: UnitParts): string {
  return `# A host.process of fettle: what is changed here is put back. Add to it with: systemctl edit ${unitName(directory)}
[Unit]
Description=${directory} (fettle)
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/bin/sh ${[`${directory}/supervise`, "unit", directory, ...command].map(unitWord).join(" ")}
WorkingDirectory=${cwd}
EnvironmentFile=${directory}/env.host
EnvironmentFile=${directory}/env
KillSignal=SIG${stop.signal}
TimeoutStopSec=${Math.max(1, stop.graceMs)}ms
Restart=always
RestartSec=${RESTART_S}
IgnoreSIGPIPE=no

[Install]
WantedBy=default.target
`
}

/** What tells whether a unit file is as written. */
export function unitHash(parts: UnitParts): string {
  return sha256(unitText(parts))
}

/** A word of `ExecStart`: no variable, no specifier, no escape but ours. */
export function unitWord(text: string): string {
  const escaped = text
    .replace(/[\\"]/g, "\\$&")
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they would end the line
    .replace(/[\x01-\x1f\x7f]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`)
  return `"${escaped}"`
}

/** A line of an `EnvironmentFile`; a newline in the value stays one. */
export function environmentLine(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"`$]/g, "\\$&")}"\n`
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
