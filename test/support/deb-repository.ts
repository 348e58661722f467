import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { SystemdRoot } from "./systemd-root.ts"

/** One package to be built. */
export interface DebParts {
  readonly name: string
  readonly version?: string
  /** Lines of its control file besides. */
  readonly control?: string
  /** Path and content; those below /etc are configuration files. */
  readonly files?: Readonly<Record<string, string>>
  /** Shell text that runs when it has been unpacked. */
  readonly postinst?: string
}

const FOLDER = "/srv/repository"

/** Makes the root's apt know nothing but a repository of packages built here: no network, and any fault one likes. */
export function debRepository(root: SystemdRoot): { add(...debs: readonly DebParts[]): void; update(): void } {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(root.path(path)), { recursive: true })
    writeFileSync(root.path(path), text)
  }
  root.run("sh", "-c", `rm -rf /etc/apt/sources.list.d /var/lib/apt/lists/*; mkdir ${FOLDER}; : >${FOLDER}/Packages`)
  write("/etc/apt/sources.list", `deb [trusted=yes] file:${FOLDER} ./\n`)
  const build = ({ name, version = "1.0", control = "", files = {}, postinst }: DebParts): void => {
    const at = `/tmp/build/${name}_${version}`
    for (const [path, text] of Object.entries(files)) write(at + path, text)
    write(
      `${at}/DEBIAN/control`,
      `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n${control}Description: ${name}\n`,
    )
    const conffiles = Object.keys(files).filter((path) => path.startsWith("/etc/"))
    if (conffiles.length > 0) write(`${at}/DEBIAN/conffiles`, `${conffiles.join("\n")}\n`)
    if (postinst !== undefined) {
      write(`${at}/DEBIAN/postinst`, `#!/bin/sh\nset -e\n${postinst}\n`)
      root.run("chmod", "755", `${at}/DEBIAN/postinst`)
    }
    root.run("dpkg-deb", "-Znone", "--build", "--root-owner-group", at, FOLDER)
  }
  return {
    add: (...debs) => {
      for (const each of debs) build(each)
      root.run("sh", "-c", `cd ${FOLDER} && dpkg-scanpackages --multiversion . >Packages 2>/dev/null`)
    },
    update: () => void root.run("apt-get", "-q", "update"),
  }
}
