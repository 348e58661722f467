import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

/**
 * What apk says, word for word as apk-tools 2 prints it, and what it does to its database: Debian has no apk to test with. It
 * knows musl, which busybox needs, and curl.
 */
const APK = `#!/bin/sh
db=/lib/apk/db/installed
echo "apk $*" >>/srv/calls
[ ! -e /srv/locked ] || { echo 'ERROR: Unable to lock database: Resource temporarily unavailable'; echo 'ERROR: Failed to open apk database: Resource temporarily unavailable'; exit 99; }
while [ "\${1#--}" != "$1" ]; do [ "$1" != --cache-max-age ] || shift; shift; done
verb=$1; shift
has() { grep -qx "P:$1" $db; }
case $verb in
update) : >/srv/updated; echo 'OK: 24 distinct packages available';;
info) shift 2; has "$1" && echo "$1";;
add)
  for spec; do n=\${spec%%=*}
    [ "$n" != late ] || [ -e /srv/updated ] || n=nowhere
    case $n in musl|busybox|curl|late) ;; *) printf 'ERROR: unable to select packages:\\n  %s (no such package):\\n    required by: world[%s]\\n' "$n" "$n"; exit 1;; esac
  done
  for spec; do n=\${spec%%=*}; echo "(1/1) Installing $n (1.2.4-r2)"; has $n || printf 'C:Q1=\\nP:%s\\nV:1.2.4-r2\\nA:x86_64\\nF:etc\\n\\n' "$n" >>$db; done
  echo 'OK: 9 MiB in 25 packages';;
del)
  case " $* " in *' busybox '*) ;; *' musl '*) if has busybox; then printf 'World updated, but the following packages are not removed due to:\\n  musl: busybox\\n\\nOK: 9 MiB\\n'; exit 0; fi;; esac
  for n; do [ "\${n#-}" != "$n" ] || awk -v n="$n" 'BEGIN { RS = ""; ORS = "\\n\\n" } index("\\n" $0 "\\n", "\\nP:" n "\\n") == 0' $db >$db.new && mv $db.new $db; done;;
esac
`

const canBoot = canBootSystemd()
let root: SystemdRoot
let world: HostWorld

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(root.path(path)), { recursive: true })
    writeFileSync(root.path(path), text)
  }
  write("/usr/local/bin/apk", APK)
  write("/lib/apk/db/installed", "C:Q1=\nP:busybox\nV:1.36.1-r15\nA:x86_64\nF:bin\nR:busybox\n\n")
  root.run("chmod", "755", "/usr/local/bin/apk")
  world = await HostWorld.open({ scope: "apk", prefix: root.enter as [string, ...string[]] })
}, 90_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

const wanted = (name: string, more: object = {}): TestNode =>
  node(host.package, name, { name, manager: "apk", ...more })
const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> => world.apply(nodes)
const adds = (): string => root.run("sh", "-c", "grep ' add ' /srv/calls; : >/srv/calls")

describe.skipIf(!canBoot)("packages by what apk says", () => {
  test("many at once, and a second plan changes nothing", async () => {
    const done = await apply(wanted("musl"), wanted("curl", { version: "1.2.*" }), wanted("busybox"))
    expect(failures(done)).toEqual([])
    expect([...done.values()].map(({ change }) => change.action)).toEqual(["create", "create", "none"])
    expect(done.get("curl")?.result).toEqual({ outputs: { name: "curl", version: "1.2.4-r2", manager: "apk" } })
    expect(adds()).toBe("apk --no-progress add musl curl=~1.2\n")
    expect((await apply(wanted("musl"))).get("musl")?.change).toEqual({ action: "none" })
  })

  test("what is not known is asked for once more with newer lists, and then named", async () => {
    const done = await apply(wanted("nowhere"), wanted("late"))
    expect(failures(done)).toEqual(["nowhere: PACKAGE_UNKNOWN the host's repositories have no package nowhere"])
  })

  test("somebody else's lock and others' needs are told", async () => {
    root.run("touch", "/srv/locked")
    expect(failures(await apply(wanted("late2", { lockWaitMs: 0 })))).toEqual([
      "late2: PACKAGES_LOCKED another process works with the packages of the host",
    ])
    root.run("rm", "/srv/locked")
    const made = { outputs: { name: "musl", version: "1.2.4-r2", manager: "apk" } }
    const gone = left(wanted("musl"), new Map([["musl", { change: { action: "create" }, result: made }]]))
    expect(failures(await world.change([gone], new Map([["musl", made]])))).toEqual([
      "musl: PACKAGE_NEEDED to remove it would also remove busybox",
    ])
  })
})
