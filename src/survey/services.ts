import type { ServiceFound, ServicesFound } from "../events/survey.ts"
import type { Rows, Section, SectionContext } from "./section.ts"

/** Most that one list of services holds. */
const LIST_MAX = 2_000

/** What runs, and what is to run at the next boot. */
export const services: Section<ServicesFound> = {
  about: "services",
  script: String.raw`
if [ -d /run/systemd/system ] && has systemctl; then
  printf 'by\tsystemd\n'
  soon systemctl list-units --type=service,socket,mount,path --all --plain --no-legend --no-pager --full 2>/dev/null | tagged unit || unseen 'units: systemctl does not answer'
elif [ -e /run/openrc/softlevel ]; then printf 'by\topenrc\n'
elif [ -d /etc/systemd/system ]; then unseen 'which services run: systemd is not running'
else unseen 'which services run: there is neither systemd nor OpenRC'; fi
if [ -d /etc/systemd/system ]; then
  printf 'has\tsystemd\n'
  find /etc/systemd/system -path '*.wants/*' 2>/dev/null | tagged wants
  find /etc/systemd/system -type f 2>/dev/null | tagged file
  find /etc/systemd/system -type l ! -path '*.wants/*' ! -path '*.requires/*' -exec env QUOTING_STYLE=literal stat -c %N \{\} + 2>/dev/null | tagged link
  for d in /var/lib/dpkg/info; do
    [ -d $d ] && grep -rE '/systemd/system/[^/]+\.(service|socket|path)$' $d --include='*.list' 2>/dev/null | sed 's/^.*info.//' | tagged package
  done
fi
if has rc-update; then
  for d in /etc/runlevels/*; do for f in "$d"/*; do [ -e "$f" ] && printf 'level\t%s\t%s\n' "$(basename "$f")" "$(basename "$d")"; done; done
  for f in /run/openrc/started/*; do [ -e "$f" ] && printf 'started\t%s\n' "$(basename "$f")"; done
  for f in /run/openrc/failed/*; do [ -e "$f" ] && printf 'failed\t%s\n' "$(basename "$f")"; done
fi
:
`.replaceAll("\\{\\}", "{}"),
  read: (rows, context) => {
    if (rows.one("by") === "openrc" || rows.all("level").length > 0) return openrc(rows)
    return rows.one("has") === "systemd" || rows.one("by") === "systemd" ? systemd(rows, context) : undefined
  },
}

interface Unit {
  readonly load: string
  readonly active: string
  readonly sub: string
  readonly about: string
}

function systemd(rows: Rows, { base }: SectionContext): ServicesFound {
  const units = new Map(rows.lines("unit").flatMap(unitOf))
  const links = new Map(rows.lines("link").flatMap(linkOf))
  const enabled = new Set(rows.lines("wants").map(lastName))
  const files = rows.lines("file")
  const from = new Map(rows.lines("package").flatMap(ownerOf))
  const masked = [...links].filter(([, to]) => to === "/dev/null").map(([path]) => path)
  const own = new Set(files.filter((path) => /^\/etc\/systemd\/system\/[^/]+$/.test(path)).map(lastName))
  // An alias is a link to a unit elsewhere; one that lies outside of where packages put them is somebody's own.
  for (const [path, to] of links)
    if (to.startsWith("/") && !/^\/(usr\/)?lib\/|^\/dev\/null$/.test(to)) own.add(lastName(path))
  const template = (name: string): string => name.replace(/@[^.]+\./, "@.")
  const found = (name: string): ServiceFound => {
    const unit = units.get(name)
    return {
      name,
      state: unit === undefined ? undefined : unit.active === "active" ? unit.sub : unit.active,
      enabled: enabled.has(name),
      from: from.get(name) ?? from.get(template(name)),
      own: own.has(name),
      about: unit?.about,
    }
  }
  const isOwn = (name: string): boolean => {
    if (own.has(name)) return true
    const owner = from.get(name) ?? from.get(template(name))
    return owner === undefined ? !isMade(name, units.get(name)) : !base.has(owner) && !isSystems(owner)
  }
  const running = [...units]
    .filter(([, { active }]) => active === "active" || active === "failed")
    .map(([name]) => name)
  const names = [...new Set([...enabled, ...running, ...own])].filter((name) => /\.(service|socket|path)$/.test(name))
  return {
    by: rows.one("by") === "systemd" ? "systemd" : "none",
    own: names.filter(isOwn).sort().slice(0, LIST_MAX).map(found),
    failed: [...units].filter(([, { active }]) => active === "failed").map(([name]) => name),
    files: [...files, ...masked, ...[...links.keys()].filter((path) => own.has(lastName(path)))]
      .sort()
      .slice(0, LIST_MAX),
    enabled: [...enabled].sort().slice(0, LIST_MAX),
  }
}

/** Units that no file stands behind: sessions of users, mounts of the kernel, what generators make. */
function isMade(name: string, unit: Unit | undefined): boolean {
  return (
    /^(user|user-runtime-dir|getty|serial-getty|autovt|container-getty|modprobe|systemd-.*|session-.*)@?.*$/.test(
      name,
    ) || unit?.load === "not-found"
  )
}

/** Packages of systemd itself, which Debian does not call important everywhere. */
function isSystems(name: string): boolean {
  return /^(systemd(-.*)?|dbus(-.*)?|udev|libpam-systemd)$/.test(name)
}

/** `ssh.service loaded active running OpenBSD Secure Shell server`, with a dot before what failed. */
function unitOf(line: string): readonly (readonly [string, Unit])[] {
  const match = /^[\s●*×↻○]*(\S+\.[a-z]+)\s+(\S+)\s+(\S+)\s+(\S+)\s*(.*)$/.exec(line)
  if (match === null) return []
  const [, name = "", load = "", active = "", sub = "", about = ""] = match
  return [[name, { load, active, sub, about: about.trim() }]]
}

/** `path -> target`, with or without quotes. */
export function linkOf(line: string): readonly (readonly [string, string])[] {
  const match = /^'(.*)' -> '(.*)'$/.exec(line) ?? /^(.*?) -> (.*)$/.exec(line)
  return match === null ? [] : [[match[1] as string, match[2] as string]]
}

/** `openssh-server.list:/lib/systemd/system/ssh.service`. */
function ownerOf(line: string): readonly (readonly [string, string])[] {
  const match = /^([^:]+?)(?::[a-z0-9]+)?\.list:(.*)$/.exec(line)
  return match === null ? [] : [[lastName(match[2] as string), match[1] as string]]
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1)
}

/** Services that every Alpine starts. */
const ALPINE =
  /^(devfs|dmesg|mdev|hwdrivers|modloop|hwclock|modules|sysctl|hostname|bootmisc|syslog|networking|urandom|seedrng|mount-ro|killprocs|savecache|swap|swclock|loopback|localmount|root|fsck|cgroups|procfs|sysfs|binfmt|loadkmap)$/

function openrc(rows: Rows): ServicesFound {
  const levels = new Map(rows.all("level").map(([name = "", level = ""]) => [name, level]))
  const started = new Set(rows.all("started").map(([name = ""]) => name))
  const failed = rows.all("failed").map(([name = ""]) => name)
  const names = [...new Set([...levels.keys(), ...started, ...failed])].filter((name) => !ALPINE.test(name)).sort()
  return {
    by: "openrc",
    own: names.slice(0, LIST_MAX).map((name) => ({
      name,
      state: failed.includes(name) ? "failed" : started.has(name) ? "started" : undefined,
      enabled: levels.has(name),
      own: false,
      about: levels.get(name),
    })),
    failed,
    files: [],
    enabled: [...levels.keys()].sort().slice(0, LIST_MAX),
  }
}
