import { recordOf, type Section } from "./section.ts"

const SETTINGS_MAX = 5_000
/** What differs between two equal machines, or from one moment to the next. */
const VOLATILE =
  /(^|\.)(random\..*|hostname|domainname|ns_last_pid|pty\.nr|boot_id|uuid|bootid|file-nr|inode-nr|inode-state|dentry-state|quota\..*|aio-nr|nf_conntrack_count|stat_refresh|compact_memory|cad_pid|version|osrelease|ostype|threads-max|sched_domain.*|mount-nr|nlm_.*|flush|tcp_(r|w)?mem|udp_mem|file-max|pid_max|max_user_.*|msgmni|lowmem_reserve_ratio|min_free_kbytes|user_reserve_kbytes|admin_reserve_kbytes|watchdog_cpumask|tainted|perf_event_max_sample_rate|keys\..*|usermodehelper\..*|spl\..*)$/

/** Kernel settings, without those that are of this one machine. Only compared, never shown whole. */
export const settings: Section<Readonly<Record<string, string>>> = {
  about: "kernel settings",
  script: String.raw`
if has sysctl; then soon sysctl -a 2>/dev/null | grep -E '^(kernel|vm|fs|net\.(core|ipv4|ipv6)\.)' | grep -vE '\.(conf|neigh)\.(eth|en|veth|br|docker|cali|wl|tap|tun|vnet|lxc|bond)' | tagged set
else unseen 'kernel settings: there is no sysctl'; fi
`,
  read: (rows) => {
    const pairs = rows.lines("set").flatMap((line): (readonly [string, string])[] => {
      const [name = "", ...value] = line.split(" = ")
      return value.length === 0 || VOLATILE.test(name) ? [] : [[name, value.join(" = ").replace(/\s+/g, " ").trim()]]
    })
    return pairs.length === 0 ? undefined : recordOf(pairs.slice(0, SETTINGS_MAX))
  },
}
