import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeFolder } from "./fleet.ts"
import { DAEMON, extras, type Job, keepRunning, PACKAGES, type Ready, TARGET, type Tool } from "./job.ts"

/**
 * One `ssh` for each host with a script written for just this job, all at once: no state, no plan, no look before a write, and a
 * script of its own for "all is as it should be".
 */
export const floor: Tool = {
  name: "one ssh with a script",
  ready: (job) => ready(job, "first", first(job)),
  again: (job) => ready(job, "again", again(job)),
}

function ready({ folder, reached }: Job, name: string, script: string): Ready {
  makeFolder(folder)
  const file = join(folder, `${name}.sh`)
  writeFileSync(file, script)
  const each = `for h in ${reached.hosts.map((host) => host.name).join(" ")}; do
  ssh -F ${reached.config} -T "$h" 'exec sh -s' <${file} & p="$p $!"
done
for q in $p; do wait "$q" || exit 1; done`
  return { argv: ["sh", "-c", each], env: {}, cwd: folder }
}

/** Writes by builtins alone, one `sync` for all, one `mv` for all, one `sync` of the folder. */
function first({ from, names, mixed }: Job): string {
  const writes = names.map((name) => `printf %s '${readFileSync(join(from, name), "utf8")}' >${name}\n`)
  return `umask 027
cd ${TARGET} && mkdir .stage && cd .stage || exit 1
${writes.join("")}set -- ${names.join(" ")}
chmod 640 "$@" && sync -- "$@" && mv -f -t .. -- "$@" && cd .. && rmdir .stage || exit 1
${mixed ? `${mixedLines()}\n` : ""}sync -- .\n`
}

function mixedLines(): string {
  return [
    ...extras.map((at) => `mkdir -m 750 d${at} && ln -s f${at}.conf l${at} || exit 1`),
    keepRunning(`${TARGET}/p`),
    `DEBIAN_FRONTEND=noninteractive apt-get -qq -y install ${PACKAGES.join(" ")} >/dev/null || exit 1`,
    `systemctl -q enable --now ${DAEMON} || exit 1`,
  ].join("\n")
}

/** One `stat` and one `sha256sum` for all, compared with what is wanted. */
function again({ from, names, mixed }: Job): string {
  const hashes = names.map((name) => {
    const hash = createHash("sha256")
      .update(readFileSync(join(from, name)))
      .digest("hex")
    return `${hash}  ${name}\n`
  })
  return `cd ${TARGET} || exit 1
set -- ${names.join(" ")}
[ "$(stat -c '%a %u %g' -- "$@" | sort -u)" = '640 0 0' ] || exit 1
sha256sum -c --status - <<'end' || exit 1
${hashes.join("")}end
${mixed ? mixedLooks() : ""}`
}

function mixedLooks(): string {
  const looks = extras.map((at) => `[ -d d${at} ] && [ "$(readlink l${at})" = f${at}.conf ] || exit 1\n`)
  return `${looks.join("")}kill -0 "$(cat p/pid)" || exit 1
[ "$(dpkg-query -W -f '\${db:Status-Status} ' ${PACKAGES.join(" ")})" = '${"installed ".repeat(PACKAGES.length)}' ] || exit 1
systemctl -q is-active ${DAEMON} && systemctl -q is-enabled ${DAEMON}
`
}
