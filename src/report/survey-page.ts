import type { ConfigFile, ScheduleFound, ServiceFound, Survey, UserFound } from "../events/survey.ts"
import { count, roughly, several, size } from "./amounts.ts"
import { type Look, Page, type Span } from "./page.ts"
import { attentionOf } from "./survey-attention.ts"
import { INDENT, joined, LIST_MAX, minute, SurveyParts } from "./survey-parts.ts"

export interface SurveyLook extends Look {
  /** Whole lists. */
  readonly verbose: boolean
}

/** What was found of a host, as a person reads it: what wants attention first, then part by part what is its own. */
export function surveyLines(survey: Survey, look: SurveyLook): string[] {
  const page = new Page(look)
  const shown = new Shown(page, survey, look.verbose)
  shown.head()
  shown.attention()
  shown.packages()
  shown.services()
  shown.config()
  shown.accounts()
  shown.ports()
  shown.schedules()
  shown.certificates()
  shown.disks()
  shown.unseen()
  return page.lines
}

class Shown {
  readonly #page: Page
  readonly #parts: SurveyParts
  readonly #survey: Survey
  readonly #verbose: boolean

  constructor(page: Page, survey: Survey, verbose: boolean) {
    this.#page = page
    this.#parts = new SurveyParts(page, verbose)
    this.#survey = survey
    this.#verbose = verbose
  }

  head(): void {
    const { system, host, tookMs } = this.#survey
    const indent = "  "
    const took = `looked for ${(tookMs / 1_000).toFixed(1)} s, nothing was written`
    if (system === undefined) {
      this.#page.add(
        [
          ["bold", host],
          ["dim", `  ${took}`],
        ],
        INDENT,
      )
      return
    }
    const name = system.hostname === host || system.hostname === "" ? "" : ` is ${system.hostname}`
    this.#page.add([["bold", host], name, ["dim", `  ${took}`]], INDENT)
    const machine =
      system.virtualization === undefined || system.virtualization === "none" ? [] : [system.virtualization]
    this.#page.add([indent, joined([system.os, `Linux ${system.kernel}`, system.architecture, ...machine])], INDENT)
    const model = system.cpuModel === undefined ? "" : ` (${system.cpuModel})`
    const swap = system.swapBytes > 0 ? [`${size(system.swapBytes)} swap`] : []
    const memory = `${size(system.memoryBytes)} memory, ${size(system.memoryFreeBytes)} free`
    this.#page.add([indent, joined([`${several(system.cpus, "processor")}${model}`, memory, ...swap])], INDENT)
    const since = system.bootedAt === undefined ? "" : ` since ${minute(system.bootedAt)}`
    const zone = system.timezone === undefined ? [] : [system.timezone]
    this.#page.add(
      [indent, joined([`up ${roughly(system.uptimeSeconds)}${since}`, `load ${system.load.join(" ")}`, ...zone])],
      INDENT,
    )
    if (system.addresses.length > 0) this.#page.add([indent, ["dim", joined(system.addresses)]], INDENT)
  }

  attention(): void {
    this.#parts.attention(attentionOf(this.#survey))
  }

  packages(): void {
    const { packages, updates } = this.#survey
    if (packages === undefined) return
    const held = packages.held.length === 0 ? [] : [`held: ${packages.held.join(", ")}`]
    const pending =
      updates === undefined
        ? []
        : [updates.packages.length === 0 ? "none to update" : `${count(updates.packages.length)} to update`]
    this.#parts.title("Packages", [
      `${count(packages.own.length)} asked for, of ${count(packages.installed)}`,
      packages.by,
      ...pending,
      ...held,
    ])
    const most = this.#verbose ? packages.own.length : LIST_MAX * 3
    const spans = packages.own.slice(0, most).flatMap(({ name, version }, at): readonly Span[] => {
      const end = at === Math.min(most, packages.own.length) - 1 ? "" : ", "
      return this.#verbose ? [name, ["dim", ` ${version}${end}`]] : [`${name}${end}`]
    })
    if (spans.length > 0) this.#page.add(["  ", ...spans], INDENT)
    this.#parts.left(packages.own.length - most)
  }

  services(): void {
    const { services } = this.#survey
    if (services === undefined) return
    const by = services.by === "none" ? "nothing says what runs" : services.by
    this.#parts.title("Services", [`${count(services.own.length)} beyond the base`, by])
    this.#parts.list(services.own, serviceRow)
    const known = new Set(services.own.map(({ name }) => `/etc/systemd/system/${name}`))
    const others = services.files.filter((path) => !known.has(path))
    if (others.length > 0)
      this.#parts.list(others, (path) => [
        ["yellow", "~"],
        ["dim", path],
      ])
  }

  config(): void {
    const { config, at } = this.#survey
    if (config === undefined) return
    const files = config.own
      .filter(({ type }) => type !== "directory")
      .sort((a, b) => (a.changedAt > b.changedAt ? -1 : 1))
    const changed = files.filter(({ why }) => why === "changed")
    const own = files.filter(({ why }) => why === "unowned")
    this.#parts.title("Configuration", [
      `${count(changed.length)} changed, ${count(own.length)} of no package`,
      ...(config.removed.length === 0 ? [] : [`${count(config.removed.length)} removed`]),
    ])
    this.#parts.list([...changed, ...own], (file) => fileRow(file, Date.parse(at)))
    this.#parts.list(config.removed, (path) => [["red", "-"], path, ["dim", "removed"]])
  }

  accounts(): void {
    const { accounts } = this.#survey
    if (accounts === undefined) return
    this.#parts.title("Users", [several(accounts.users.length, "may log in", "may log in")])
    for (const user of accounts.users.slice(0, this.#parts.most(accounts.users))) this.#user(user)
    this.#parts.left(accounts.users.length - this.#parts.most(accounts.users))
    this.#parts.list(accounts.rules, ({ file, rule }) => [["magenta", "#"], rule, ["dim", file]])
  }

  #user(user: UserFound): void {
    const login = /\/(nologin|false)$/.test(user.shell) ? "no shell" : user.shell
    const password =
      user.password === undefined
        ? []
        : [{ set: "a password", locked: "no password", empty: "an EMPTY password" }[user.password]]
    const groups = user.groups.filter((group) => group !== user.name)
    const more = groups.length === 0 ? [] : [`in ${groups.join(", ")}`]
    this.#page.add(
      ["  ", ["bold", user.name], ["dim", `  ${joined([String(user.uid), login, ...password, ...more])}`]],
      4,
    )
    const keys = user.keys.slice(0, this.#parts.most(user.keys))
    for (const { type, fingerprint, comment, restricted } of keys)
      this.#page.add(
        ["    ", ["cyan", type], ` ${fingerprint} ${comment}`, ["dim", restricted ? "  restricted" : ""]],
        6,
      )
    this.#parts.left(user.keys.length - keys.length)
  }

  ports(): void {
    const { ports } = this.#survey
    if (ports === undefined) return
    this.#parts.title("Open ports", [ports.length === 0 ? "none" : ""])
    this.#parts.list(ports, ({ protocol, address, port, process }) => [
      `${port}/${protocol}`,
      process ?? ["dim", "?"],
      ["dim", placeOf(address)],
    ])
  }

  schedules(): void {
    const { schedules } = this.#survey
    if (schedules === undefined) return
    const own = schedules.filter(({ from }) => from === undefined)
    const others = schedules.length - own.length
    this.#parts.title("Schedules", [
      `${count(own.length)} of its own`,
      ...(others === 0 ? [] : [`${count(others)} of packages`]),
    ])
    this.#parts.list(this.#verbose ? schedules : own, scheduleRow)
  }

  certificates(): void {
    const { certificates = [] } = this.#survey
    if (certificates.length === 0) return
    this.#parts.title("Certificates", [])
    this.#parts.list(certificates, ({ path, subject, daysLeft, endsAt }) => [
      [daysLeft < 0 ? "red" : daysLeft < 30 ? "yellow" : "plain", daysLeft < 0 ? "ended" : `${count(daysLeft)} days`],
      subject,
      ["dim", `${path}, until ${endsAt.slice(0, 10)}`],
    ])
  }

  disks(): void {
    const { disks } = this.#survey
    if (disks === undefined) return
    this.#parts.title("Disks", [])
    this.#parts.list(disks, ({ mount, usedPercent, usedBytes, sizeBytes, type, device }) => [
      [usedPercent >= 95 ? "red" : usedPercent >= 85 ? "yellow" : "green", bar(usedPercent)],
      mount,
      [
        "dim",
        joined(
          [`${usedPercent} % of ${size(sizeBytes)}, ${size(sizeBytes - usedBytes)} left`, type, device].filter(
            (each) => each !== "",
          ),
        ),
      ],
    ])
  }

  unseen(): void {
    const { unseen, uid } = this.#survey
    if (unseen.length === 0) return
    this.#parts.title("Not seen", [uid === 0 ? "" : "as this user; --become sudo sees more"])
    this.#parts.list(unseen, ({ part, why }) => [["yellow", "?"], `${part}: ${why}`])
  }
}

function serviceRow({ name, state, enabled, own, from, about = "" }: ServiceFound): readonly Span[] {
  const style = state === "failed" ? "red" : state === undefined || state === "inactive" ? "dim" : "green"
  const words = [
    state ?? "state unknown",
    enabled === true ? "enabled" : "not enabled",
    own ? "its own unit" : (from ?? ""),
  ]
  return [
    [style, state === "failed" ? "×" : "●"],
    name,
    ["dim", joined([...words, about].filter((word) => word !== ""))],
  ]
}

function fileRow({ path, why, from, changedAt, to, secret }: ConfigFile, now: number): readonly Span[] {
  const ago = changedAt === "" ? [] : [`${roughly((now - Date.parse(changedAt)) / 1_000)} ago`]
  const words = [
    ...(from === undefined ? [] : [from]),
    ...(to === undefined ? ago : [`→ ${to}`]),
    ...(secret ? ["only for its owner"] : []),
  ]
  return [why === "changed" ? ["yellow", "~"] : ["green", "+"], path, ["dim", joined(words)]]
}

function scheduleRow({ when, runs, user, name, next, by }: ScheduleFound): readonly Span[] {
  const who = user === undefined ? [] : [user]
  return [
    when,
    by === "timer" ? runs : runs.replace(/\s+/g, " "),
    ["dim", joined([...who, name, ...(next === undefined ? [] : [`next ${minute(next)}`])])],
  ]
}

function placeOf(address: string): string {
  if (/^(0\.0\.0\.0|\*|::)$/.test(address)) return "everywhere"
  return /^(127\.|::1$)/.test(address) ? "only this machine" : address
}

/** Ten columns for a hundred percent. */
function bar(percent: number): string {
  const full = Math.max(0, Math.min(10, Math.round(percent / 10)))
  return "█".repeat(full) + "░".repeat(10 - full)
}
