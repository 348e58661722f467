import { createHash } from "node:crypto"
import type { OverlayRoot } from "../support/overlay-root.ts"

/** One module with arguments: declared to Fettle, and a task of a playbook, on two equal roots. */
export interface ModuleCase {
  readonly module: string
  readonly args: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
  /** It only looks: it never changes anything. */
  readonly looks?: boolean
  /** It cannot be asked beforehand: Fettle does not run it again. */
  readonly unasked?: boolean
}

/** Of what the server of the test gives. */
const ONE = `sha256:${createHash("sha256").update("one\n").digest("hex")}`

/** By name. What they need is made by `prepare`. */
export const CASES: Readonly<Record<string, (port: number) => ModuleCase>> = {
  "file directory": () => ({ module: "file", args: { path: "/srv/made", state: "directory", mode: "0750" } }),
  "file link": () => ({
    module: "ansible.builtin.file",
    args: { src: "/etc/hosts", dest: "/srv/link", state: "link" },
  }),
  "file mode": () => ({ module: "file", args: { path: "/srv/given", mode: "0600", owner: "daemon" } }),
  "file absent": () => ({ module: "file", args: { path: "/srv/needless", state: "absent" } }),
  "copy content": () => ({ module: "copy", args: { dest: "/srv/copied", content: "héllo\n", mode: "0640" } }),
  "copy into a folder": () => ({ module: "copy", args: { src: "/SENT/sent.txt", dest: "/srv/folder/" } }),
  "copy there": () => ({ module: "copy", args: { src: "/srv/given", dest: "/srv/there", remote_src: true } }),
  lineinfile: () => ({
    module: "lineinfile",
    args: { path: "/srv/lines", regexp: "^port", line: "port 8080", backup: false },
  }),
  blockinfile: () => ({ module: "blockinfile", args: { path: "/srv/lines", block: "a\nb", insertafter: "EOF" } }),
  replace: () => ({ module: "replace", args: { path: "/srv/lines", regexp: "old", replace: "new" } }),
  assemble: () => ({ module: "assemble", args: { src: "/srv/parts", dest: "/srv/whole", remote_src: true } }),
  group: () => ({ module: "group", args: { name: "staffers", gid: 4321 } }),
  user: () => ({
    module: "user",
    args: { name: "shop", uid: 4322, group: "staffers", shell: "/bin/sh", home: "/srv/shop", create_home: true },
  }),
  authorized_key: () => ({
    module: "ansible.posix.authorized_key",
    args: {
      user: "root",
      key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB me@here",
      manage_dir: true,
    },
  }),
  apt: () => ({ module: "apt", args: { deb: "/srv/fettle-one_1.0_all.deb" } }),
  package: () => ({ module: "package", args: { name: "fettle-old", state: "absent" } }),
  debconf: () => ({
    module: "debconf",
    args: { name: "tzdata", question: "tzdata/Areas", vtype: "select", value: "Europe" },
  }),
  dpkg_selections: () => ({ module: "dpkg_selections", args: { name: "coreutils", selection: "hold" } }),
  service: () => ({ module: "service", args: { name: "fettle-daemon", state: "started" } }),
  cron: () => ({
    module: "cron",
    args: { name: "nightly", minute: "5", hour: "3", job: "/bin/true", user: "root", cron_file: "fettle-nightly" },
  }),
  git: () => ({ module: "git", args: { repo: "/srv/origin", dest: "/srv/clone", version: "main" } }),
  get_url: (port) => ({
    module: "get_url",
    args: { url: `http://127.0.0.1:${port}/one`, dest: "/srv/fetched", mode: "0644", checksum: ONE },
  }),
  uri: (port) => ({
    module: "uri",
    args: { url: `http://127.0.0.1:${port}/one`, return_content: true },
    looks: true,
    unasked: true,
  }),
  unarchive: () => ({
    module: "unarchive",
    args: { src: "/srv/archive.tar.gz", dest: "/srv/folder", remote_src: true },
  }),
  pip: () => ({
    module: "pip",
    args: { name: "fettle-tiny", executable: "/usr/bin/pip3" }, // its check takes extra_args for a change
    environment: { PIP_NO_INDEX: "1", PIP_FIND_LINKS: "/srv", PIP_BREAK_SYSTEM_PACKAGES: "1" },
  }),
  hostname: () => ({ module: "hostname", args: { name: "shop-1", use: "alpine" } }),
  sysctl: () => ({
    module: "ansible.posix.sysctl",
    args: { name: "vm.swappiness", value: "7", sysctl_file: "/etc/sysctl.d/shop.conf", reload: false },
  }),
  mount: () => ({
    module: "ansible.posix.mount",
    args: { path: "/srv/disk", src: "tmpfs", fstype: "tmpfs", opts: "size=1m", state: "present" },
  }),
  ini_file: () => ({
    module: "community.general.ini_file",
    args: { path: "/srv/shop.ini", section: "shop", option: "port", value: "8080", mode: "0644" },
  }),
  alternatives: () => ({
    module: "community.general.alternatives",
    args: { name: "shopper", path: "/bin/true", link: "/usr/bin/shopper", priority: 10 },
  }),
  known_hosts: () => ({
    module: "known_hosts",
    args: {
      path: "/srv/known",
      name: "far.example.org",
      key: "far.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
    },
  }),
  command: () => ({
    module: "command",
    args: { cmd: "cp /srv/given /srv/by-command", creates: "/srv/by-command" },
    unasked: true,
  }),
  shell: () => ({
    module: "shell",
    args: { cmd: "echo $((1 + 2)) > by-shell", chdir: "/srv", creates: "/srv/by-shell" },
    unasked: true,
  }),
  tempfile: () => ({ module: "tempfile", args: { path: "/tmp", prefix: "shop" }, unasked: true }),
  stat: () => ({ module: "stat", args: { path: "/srv/given" }, looks: true }),
  find: () => ({ module: "find", args: { paths: "/srv/parts", patterns: "*.txt" }, looks: true }),
  slurp: () => ({ module: "slurp", args: { src: "/srv/given" }, looks: true }),
  getent: () => ({ module: "getent", args: { database: "passwd", key: "root" }, looks: true }),
  setup: () => ({ module: "setup", args: { gather_subset: ["!all", "!min", "distribution"] }, looks: true }),
  service_facts: () => ({ module: "service_facts", args: {}, looks: true }),
}

/** The same in both roots, before either begins. */
export function prepare(root: OverlayRoot): void {
  root.run(`set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/* /srv; : >/etc/apt/sources.list
mkdir -p /srv/parts /srv/folder /srv/pkg/DEBIAN /srv/old/DEBIAN /SENT /srv/x
echo sent >/SENT/sent.txt
echo given >/srv/given; echo needless >/srv/needless; chmod 644 /srv/given
printf 'host old\\nport 80\\n' >/srv/lines
echo one >/srv/parts/1.txt; echo two >/srv/parts/2.txt
for n in one old; do
  mkdir -p /srv/$n/DEBIAN
  printf 'Package: fettle-%s\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: Nobody <nobody@example.org>\\nDescription: %s\\n' $n $n >/srv/$n/DEBIAN/control
  dpkg-deb -Znone --build --root-owner-group /srv/$n /srv >/dev/null
done
dpkg -i /srv/fettle-old_1.0_all.deb >/dev/null 2>&1
cat >/etc/init.d/fettle-daemon <<'END'
#!/bin/sh
### BEGIN INIT INFO
# Provides: fettle-daemon
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
case $1 in
  start) echo running >/srv/daemon;;
  stop) rm -f /srv/daemon;;
  status) [ -e /srv/daemon ] && echo "is running" || { echo "is stopped"; exit 3; };;
esac
END
chmod 755 /etc/init.d/fettle-daemon
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
git init -q -b main /srv/origin; cd /srv/origin; echo code >code; git add code
git -c user.name=me -c user.email=me@example.org commit -qm first
echo packed >/srv/x/packed; tar -C /srv/x -czf /srv/archive.tar.gz packed
cd /srv && python3 - <<'END'
import zipfile
with zipfile.ZipFile("fettle_tiny-1.0-py3-none-any.whl", "w") as z:
    z.writestr("fettle_tiny.py", "ONE = 1\\n")
    z.writestr("fettle_tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: fettle-tiny\\nVersion: 1.0\\n")
    z.writestr("fettle_tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: us\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("fettle_tiny-1.0.dist-info/RECORD", "fettle_tiny.py,,\\nfettle_tiny-1.0.dist-info/METADATA,,\\nfettle_tiny-1.0.dist-info/WHEEL,,\\nfettle_tiny-1.0.dist-info/RECORD,,\\n")
END
`)
}

/** Where the cases write. */
const WRITTEN = "/etc /srv /root/.ssh /usr/bin /usr/local /var/lib/dpkg /var/spool/cron"
/** What differs between two runs of one thing. */
const NOISE = [
  "*/__pycache__/*",
  "/srv/clone/.git/*",
  "/srv/told/*",
  "/var/lib/dpkg/*-old",
  "/var/lib/dpkg/lock*",
  "/var/lib/dpkg/triggers/*",
]

/** All that was written in a root since the cases began: "path mode owner link", then "hash path". */
export function writtenIn(root: OverlayRoot): readonly string[] {
  const find = `find ${WRITTEN} -xdev -newer /srv/begun ! -type d ${NOISE.map((each) => `! -path '${each}'`).join(" ")}`
  const said = root.run(
    `${find} -printf '%p %m %U:%G %l\\n' | sort; ${find} -type f -print0 | sort -z | xargs -0r sha256sum`,
  )
  return said.trim().split("\n")
}
