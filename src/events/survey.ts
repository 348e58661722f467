/** What one look at a host found, as plain data. A part that is missing was not seen, and `unseen` says why. */
export interface Survey {
  /** As it was asked for. */
  readonly host: string
  /** ISO 8601. */
  readonly at: string
  readonly tookMs: number
  /** Who looked. */
  readonly uid: number
  readonly machineId?: string | undefined
  readonly system?: SystemFound | undefined
  readonly packages?: PackagesFound | undefined
  readonly services?: ServicesFound | undefined
  readonly config?: ConfigFound | undefined
  readonly accounts?: AccountsFound | undefined
  readonly ports?: readonly PortFound[] | undefined
  readonly schedules?: readonly ScheduleFound[] | undefined
  readonly certificates?: readonly CertificateFound[] | undefined
  readonly disks?: readonly DiskFound[] | undefined
  readonly updates?: UpdatesFound | undefined
  /** Kernel settings; only where they were asked for. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Silence is not absence: what could not be looked at. */
  readonly unseen: readonly Unseen[]
}

export interface Unseen {
  readonly part: string
  readonly why: string
}

export interface SystemFound {
  readonly hostname: string
  /** As in "Debian GNU/Linux 12 (bookworm)". */
  readonly os: string
  /** As os-release says: "debian", "alpine". */
  readonly osId: string
  readonly kernel: string
  readonly architecture: string
  readonly cpus: number
  readonly cpuModel?: string | undefined
  readonly memoryBytes: number
  readonly memoryFreeBytes: number
  readonly swapBytes: number
  readonly uptimeSeconds: number
  /** ISO 8601. */
  readonly bootedAt?: string | undefined
  /** Of the last 1, 5 and 15 minutes. */
  readonly load: readonly number[]
  /** "kvm", "docker", "none" … */
  readonly virtualization?: string | undefined
  readonly init: string
  readonly timezone?: string | undefined
  readonly addresses: readonly string[]
  readonly rebootRequired: boolean
}

export interface PackageFound {
  readonly name: string
  readonly version: string
}

export interface PackagesFound {
  readonly by: "apt" | "dnf" | "apk"
  /** How many are installed. */
  readonly installed: number
  /** Asked for by somebody, and no part of the base system. */
  readonly own: readonly PackageFound[]
  /** Half installed, or removed with something left of them. */
  readonly broken: readonly string[]
  readonly held: readonly string[]
  /** All of them: name to version. */
  readonly versions: Readonly<Record<string, string>>
}

export interface ServiceFound {
  readonly name: string
  /** As the init system says: "active", "failed", "started"; undefined where it is not running. */
  readonly state?: string | undefined
  readonly enabled?: boolean | undefined
  /** The package that brought it. */
  readonly from?: string | undefined
  /** Its unit file was put there by hand. */
  readonly own: boolean
  readonly about?: string | undefined
}

export interface ServicesFound {
  readonly by: "systemd" | "openrc" | "none"
  /** Enabled or running, and no part of the base system. */
  readonly own: readonly ServiceFound[]
  readonly failed: readonly string[]
  /** Unit files, drop-ins and masks that somebody put there. */
  readonly files: readonly string[]
  /** Everything that is enabled. */
  readonly enabled: readonly string[]
}

export type ConfigWhy = "changed" | "unowned"

export interface ConfigFile {
  readonly path: string
  readonly type: "file" | "link" | "directory"
  readonly why: ConfigWhy
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  /** ISO 8601. */
  readonly changedAt: string
  /** The package whose file it was. */
  readonly from?: string | undefined
  /** Of a link. */
  readonly to?: string | undefined
  /** Of a file: MD5, to tell one from another; never of what looks like a secret. */
  readonly md5?: string | undefined
  /** Its place or its mode says that it holds a secret. */
  readonly secret: boolean
}

export interface ConfigFound {
  /** Files below /etc that no package put there as they are, without what the system makes by itself. */
  readonly own: readonly ConfigFile[]
  /** Configuration of packages that was deleted. */
  readonly removed: readonly string[]
  /** How many files below /etc the system itself made. */
  readonly generated: number
}

export interface KeyFound {
  readonly type: string
  /** "SHA256:…" */
  readonly fingerprint: string
  readonly comment: string
  /** It may only do what its line says. */
  readonly restricted: boolean
}

export interface UserFound {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly about: string
  readonly home: string
  readonly shell: string
  readonly groups: readonly string[]
  /** Undefined where shadow could not be read. */
  readonly password?: "set" | "locked" | "empty" | undefined
  readonly keys: readonly KeyFound[]
}

export interface RuleFound {
  readonly file: string
  readonly rule: string
}

export interface GroupFound {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

export interface AccountsFound {
  /** Whoever may log in: root, a uid from 1000, or with a shell. */
  readonly users: readonly UserFound[]
  /** With a gid from 1000 that is nobody's own, or with members. */
  readonly groups: readonly GroupFound[]
  /** Lines of sudoers and doas.conf that give rights. */
  readonly rules: readonly RuleFound[]
}

export interface PortFound {
  readonly protocol: "tcp" | "udp"
  readonly address: string
  readonly port: number
  /** Undefined where it could not be seen. */
  readonly process?: string | undefined
}

export interface ScheduleFound {
  readonly by: "cron" | "timer"
  /** The file, or the unit. */
  readonly name: string
  /** As it is written there. */
  readonly when: string
  readonly user?: string | undefined
  readonly runs: string
  /** ISO 8601. */
  readonly next?: string | undefined
  /** A package brought it. */
  readonly from?: string | undefined
}

export interface CertificateFound {
  readonly path: string
  readonly subject: string
  readonly issuer: string
  /** ISO 8601. */
  readonly endsAt: string
  readonly daysLeft: number
}

export interface DiskFound {
  readonly mount: string
  readonly device: string
  readonly type: string
  readonly sizeBytes: number
  readonly usedBytes: number
  readonly usedPercent: number
  readonly inodesUsedPercent?: number | undefined
}

export interface UpdatesFound {
  readonly packages: readonly string[]
  readonly security: number
  /** ISO 8601: when the lists were last fetched. */
  readonly listsAt?: string | undefined
}

/** Something that two hosts do not have in common. */
export interface Difference {
  readonly part: string
  readonly name: string
  /** What it is on the first host; undefined where it is not there. */
  readonly left?: string | undefined
  readonly right?: string | undefined
  /** Unified lines, where both are short texts. */
  readonly text?: string | undefined
}

/** What two surveys have not in common. */
export interface Comparison {
  readonly left: string
  readonly right: string
  readonly differences: readonly Difference[]
  /** Parts that one of the hosts did not tell, or not whole. */
  readonly notCompared: readonly (Unseen & { readonly host: string })[]
}
