import type { PackageFound, PackagesFound } from "../events/survey.ts"
import { type Rows, recordOf, type Section } from "./section.ts"

/** Priorities of Debian that every installation has. */
const BASE = new Set(["required", "important", "standard"])

/** What is installed, and what of it somebody asked for. */
export const packages: Section<PackagesFound> = {
  about: "packages",
  script: String.raw`
if has dpkg-query; then
  printf 'by\tapt\n'
  dpkg-query -W -f='deb\t$\{db:Status-Abbrev}\t$\{Package}\t$\{Architecture}\t$\{Version}\t$\{Priority}\t$\{Essential}\n' 2>/dev/null || unseen 'packages: dpkg-query fails'
  if [ -r /var/lib/apt/extended_states ]; then
    sed -n '/^Package: /{s/^Package: //;h;};/^Auto-Installed: 1/{g;s/^/auto	/p;}' /var/lib/apt/extended_states
  elif [ -e /var/lib/apt/extended_states ]; then unseen 'which packages were asked for: apt lets nobody read it'; fi
elif has rpm; then
  printf 'by\tdnf\n'
  soon rpm -qa --qf 'rpm\t%\{NAME}\t%\{ARCH}\t%\{VERSION}-%\{RELEASE}\n' 2>/dev/null || unseen 'packages: rpm fails'
  if has dnf && o=$(soon dnf -q -C repoquery --userinstalled --qf '%\{name}\n' 2>/dev/null); then printf '%s\n' "$o" | tagged asked
  else unseen 'which packages were asked for: dnf does not say'; fi
elif [ -r /lib/apk/db/installed ]; then
  printf 'by\tapk\n'
  sed -n 's/^P:/apk	/p;s/^V:/version	/p' /lib/apk/db/installed
  sed 's/^[^ ].*/&/' /etc/apk/world 2>/dev/null | tagged asked
else unseen 'packages: there is no dpkg, rpm or apk'; fi
`.replaceAll("\\{", "{"),
  read: (rows) => {
    const by = rows.one("by")
    if (by === "apt") return debian(rows)
    if (by === "dnf" || by === "apk") return asked(by, by === "dnf" ? redHat(rows) : alpine(rows), rows)
    return undefined
  },
}

/** Packages that the base of a Debian system is made of. */
export function basePackages(rows: Rows): ReadonlySet<string> {
  return new Set(
    rows.all("deb").flatMap(([, name = "", , , priority = "", essential]) => {
      return BASE.has(priority) || essential === "yes" ? [name] : []
    }),
  )
}

function debian(rows: Rows): PackagesFound {
  const auto = new Set(rows.all("auto").map(([name]) => name))
  const base = basePackages(rows)
  const all = rows.all("deb").map(([state = "", name = "", architecture = "", version = ""]) => {
    return { state: state.trim(), name, architecture, version }
  })
  const there = all.filter(({ state }) => /^[ihu]i/.test(state))
  return {
    by: "apt",
    installed: there.length,
    own: there.filter(({ name }) => !auto.has(name) && !base.has(name)).map(shown),
    broken: all.filter(({ state }) => !/^(.[in]|rc|pn|un)$/.test(state)).map(({ name, state }) => `${name} (${state})`),
    held: all.filter(({ state }) => state.startsWith("h")).map(({ name }) => name),
    versions: versionsOf(there),
  }
}

interface Installed extends PackageFound {
  readonly architecture: string
}

function asked(by: "dnf" | "apk", all: readonly Installed[], rows: Rows): PackagesFound {
  // World of Alpine pins versions and repositories: `nginx>1.2`, `foo@edge`.
  const names = new Set(rows.all("asked").map(([name = ""]) => name.trim().replace(/[<>=~@].*$/, "")))
  const own = all.filter(({ name }) => names.has(name) && !/^(alpine-base|busybox|apk-tools|musl)$/.test(name))
  return { by, installed: all.length, own: own.map(shown), broken: [], held: [], versions: versionsOf(all) }
}

function redHat(rows: Rows): readonly Installed[] {
  return rows.all("rpm").map(([name = "", architecture = "", version = ""]) => ({ name, architecture, version }))
}

/** Each package is a row with its name and one with its version, in the order of Alpine's database. */
function alpine(rows: Rows): readonly Installed[] {
  const versions = rows.all("version")
  return rows.all("apk").map(([name = ""], at) => ({ name, architecture: "", version: versions[at]?.[0] ?? "" }))
}

function shown({ name, version }: PackageFound): PackageFound {
  return { name, version }
}

/** One name can be there for two architectures. */
function versionsOf(all: readonly Installed[]): Readonly<Record<string, string>> {
  const counts = new Map<string, number>()
  for (const { name } of all) counts.set(name, (counts.get(name) ?? 0) + 1)
  return recordOf(
    all.map(({ name, architecture, version }) => {
      return [(counts.get(name) ?? 0) > 1 ? `${name}:${architecture}` : name, version] as const
    }),
  )
}
