import { posix } from "node:path"
import type { RepositoryWant } from "./repository-props.ts"

const HEAD = "# Written by fettle: it replaces what is changed here.\n"

/** The file that names a repository to its package manager. */
export function sourceFile({ name, apt, dnf }: RepositoryWant): string {
  if (apt !== undefined) return `/etc/apt/sources.list.d/${name}.sources`
  return dnf !== undefined ? `/etc/yum.repos.d/${name}.repo` : `/etc/apk/repositories.d/${name}.list`
}

/** The file of its key; undefined where it has none. Everybody may read it: apt does so as a user of its own. */
export function keyFile({ name, apt, dnf, key }: RepositoryWant): string | undefined {
  if (key === undefined) return undefined
  if (apt !== undefined) return `/etc/apt/keyrings/${name}.${key.content instanceof Uint8Array ? "gpg" : "asc"}`
  return dnf !== undefined ? `/etc/pki/rpm-gpg/RPM-GPG-KEY-fettle-${name}` : `/etc/apk/keys/${key.name}`
}

/** Folders that may be missing, and that only root writes to. */
export function foldersOf(want: RepositoryWant): readonly string[] {
  return [sourceFile(want), keyFile(want)].flatMap((path) => (path === undefined ? [] : [posix.dirname(path)]))
}

/** What the file holds. */
export function sourceText(want: RepositoryWant): string {
  if (want.apt !== undefined) return HEAD + aptText(want, want.apt)
  if (want.dnf !== undefined) return HEAD + dnfText(want, want.dnf)
  const tag = want.apk?.tag === undefined ? "" : `@${want.apk.tag} `
  return HEAD + (want.apk?.urls ?? []).map((each) => `${tag}${each}\n`).join("")
}

/** A stanza of deb822. */
function aptText(want: RepositoryWant, apt: NonNullable<RepositoryWant["apt"]>): string {
  const key = keyFile(want)
  const fields = {
    Types: apt.types.join(" "),
    URIs: apt.uris.join(" "),
    Suites: apt.suites.join(" "),
    Components: apt.components.join(" "),
    Architectures: apt.architectures.join(" "),
    "Signed-By": key ?? "",
    ...apt.options,
  }
  return Object.entries(fields)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("")
}

function dnfText(want: RepositoryWant, dnf: NonNullable<RepositoryWant["dnf"]>): string {
  const key = keyFile(want)
  const lines = {
    name: want.name,
    enabled: "1",
    ...(dnf.baseurl === undefined ? {} : { baseurl: dnf.baseurl.join(" ") }),
    ...(dnf.mirrorlist === undefined ? {} : { mirrorlist: dnf.mirrorlist }),
    ...(dnf.metalink === undefined ? {} : { metalink: dnf.metalink }),
    gpgcheck: key === undefined ? "0" : "1",
    ...(key === undefined ? {} : { gpgkey: `file://${key}` }),
    ...dnf.options,
  }
  return `[${want.name}]\n${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("")}`
}
