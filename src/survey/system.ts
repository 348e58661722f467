import type { SystemFound } from "../events/survey.ts"
import { numberOf, type Section, timeOf } from "./section.ts"

const KIB = 1_024

/** What the machine is. */
export const system: Section<SystemFound> = {
  about: "system",
  script: String.raw`
printf 'host\t%s\n' "$(uname -n)"
printf 'kernel\t%s\n' "$(uname -r)"
printf 'arch\t%s\n' "$(uname -m)"
for f in /etc/os-release /usr/lib/os-release; do [ -r $f ] && { tagged os <$f; break; }; done
printf 'cpus\t%s\n' "$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)"
sed -n '/^model name/{s/^[^:]*: */model	/p;q;}' /proc/cpuinfo 2>/dev/null
grep -E '^(MemTotal|MemAvailable|MemFree|SwapTotal):' /proc/meminfo 2>/dev/null | tagged memory
{ read -r a b </proc/uptime && printf 'uptime\t%s\n' "$a"; } 2>/dev/null
{ read -r a b c d </proc/loadavg && printf 'load\t%s\t%s\t%s\n' "$a" "$b" "$c"; } 2>/dev/null
sed -n 's/^btime /boot	/p' /proc/stat 2>/dev/null
{ read -r a </proc/1/comm && printf 'init\t%s\n' "$a"; } 2>/dev/null
v=
has systemd-detect-virt && v=$(soon systemd-detect-virt 2>/dev/null)
if [ -z "$v" ] || [ "$v" = none ]; then
  if [ -e /.dockerenv ]; then v=docker
  elif [ -e /run/.containerenv ]; then v=podman
  elif [ -r /run/systemd/container ]; then read -r v </run/systemd/container
  elif [ -r /sys/class/dmi/id/sys_vendor ]; then
    read -r a </sys/class/dmi/id/sys_vendor
    case $a in QEMU*) v=kvm;; VMware*) v=vmware;; innotek*) v=virtualbox;; Xen*) v=xen;; Microsoft*) v=hyper-v;; Amazon*) v=amazon;; Google*) v=google;; esac
  fi
fi
printf 'virt\t%s\n' "$v"
if [ -L /etc/localtime ]; then printf 'zone\t%s\n' "$(readlink /etc/localtime)"; elif [ -r /etc/timezone ]; then tagged zone </etc/timezone; fi
if has ip; then soon ip -o addr show 2>/dev/null | tagged address; else unseen 'its addresses: there is no ip'; fi
[ ! -e /run/reboot-required ] && [ ! -e /var/run/reboot-required ] || printf 'reboot\t1\n'
`,
  read: (rows) => {
    if (rows.one("kernel") === "") return undefined
    const os = new Map(rows.lines("os").flatMap(assignment))
    const memory = new Map(rows.lines("memory").flatMap(amount))
    const zone = rows.one("zone").replace(/^.*\/zoneinfo\//, "")
    return {
      hostname: rows.one("host"),
      os: os.get("PRETTY_NAME") ?? os.get("NAME") ?? "unknown",
      osId: os.get("ID") ?? "unknown",
      kernel: rows.one("kernel"),
      architecture: rows.one("arch"),
      cpus: numberOf(rows.one("cpus")),
      cpuModel: rows.one("model").replace(/\s+/g, " ").trim() || undefined,
      memoryBytes: memory.get("MemTotal") ?? 0,
      memoryFreeBytes: memory.get("MemAvailable") ?? memory.get("MemFree") ?? 0,
      swapBytes: memory.get("SwapTotal") ?? 0,
      uptimeSeconds: numberOf(rows.one("uptime").split(".")[0]),
      bootedAt: timeOf(rows.one("boot")),
      load: (rows.all("load")[0] ?? []).map(Number).filter((each) => each >= 0),
      virtualization: rows.one("virt") || undefined,
      init: rows.one("init"),
      timezone: zone || undefined,
      addresses: addresses(rows.lines("address")),
      rebootRequired: rows.one("reboot") === "1",
    }
  },
}

/** `NAME="value"` of os-release. */
function assignment(line: string): readonly (readonly [string, string])[] {
  const match = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim())
  return match === null ? [] : [[match[1] as string, match[3] as string]]
}

/** `MemTotal:   16384 kB`. */
function amount(line: string): readonly (readonly [string, number])[] {
  const match = /^(\w+):\s+(\d{1,15}) kB$/.exec(line.trim())
  return match === null ? [] : [[match[1] as string, Number(match[2]) * KIB]]
}

/** Of `2: eth0    inet 10.0.0.4/24 brd …`: what others can reach. */
function addresses(lines: readonly string[]): readonly string[] {
  const found = lines.flatMap((line) => {
    const [, , device = "", family = "", address = ""] = /^(\d+): (\S+)\s+(inet6?) ([^\s/]+)/.exec(line) ?? []
    const [at] = [family === "" ? "" : address]
    return device === "lo" || at === "" || /^(fe80:|127\.|::1$)/.test(at) ? [] : [at]
  })
  return [...new Set(found)].slice(0, 20)
}
