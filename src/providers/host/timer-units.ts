import { createHash } from "node:crypto"

/** A timer and its service, as unit files need them. */
export interface TimerParts {
  readonly name: string
  readonly calendar?: string | undefined
  readonly every?: string | undefined
  readonly command: readonly string[]
  readonly user?: string | undefined
  readonly cwd?: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly persistent: boolean
  readonly randomDelay?: string | undefined
  readonly description?: string | undefined
}

const HEAD = "# Written by fettle: it replaces what is changed here.\n"

export function unitFile(name: string, ending: "service" | "timer"): string {
  return `/etc/systemd/system/${name}.${ending}`
}

export function serviceText({ name, command, user, cwd, env, description }: TimerParts): string {
  return unit([
    ["Unit", [`Description=${plain(description ?? name)}`]],
    [
      "Service",
      [
        "Type=oneshot",
        ...(user === undefined ? [] : [`User=${user}`]),
        ...(cwd === undefined ? [] : [`WorkingDirectory=${plain(cwd)}`]),
        ...Object.entries(env).map(([key, value]) => `Environment=${quoted(`${key}=${value}`)}`),
        `ExecStart=${command.map((word) => quoted(word).replaceAll("$", "$$$$")).join(" ")}`,
      ],
    ],
  ])
}

export function timerText({ name, calendar, every, persistent, randomDelay, description }: TimerParts): string {
  const when =
    calendar === undefined
      ? [`OnBootSec=${every}`, `OnUnitActiveSec=${every}`]
      : [`OnCalendar=${plain(calendar)}`, `Persistent=${persistent}`]
  return unit([
    ["Unit", [`Description=${plain(description ?? name)}`]],
    ["Timer", [...when, ...(randomDelay === undefined ? [] : [`RandomizedDelaySec=${plain(randomDelay)}`])]],
    ["Install", ["WantedBy=timers.target"]],
  ])
}

function unit(sections: readonly (readonly [string, readonly string[]])[]): string {
  return HEAD + sections.map(([name, lines]) => `\n[${name}]\n${lines.join("\n")}\n`).join("")
}

/** A value that systemd does not cut into words: only its own specifiers must be told from text. */
function plain(text: string): string {
  return text.replaceAll("%", "%%")
}

/** One word: in quotes, with what systemd would read in it escaped. */
function quoted(word: string): string {
  return `"${plain(word).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\t", "\\t")}"`
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
