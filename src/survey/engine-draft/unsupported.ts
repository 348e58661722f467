import type { EngineJson } from "../engine/engine-json.ts"

type Fields = Readonly<Record<string, unknown>>
type Info = Pick<EngineJson["info"], "DefaultRuntime" | "CgroupVersion" | "SwapLimit">

/** Settings of an Engine's containers that the kind does not know, with the words of the docker command. */
const HOST_SETTINGS: Readonly<Record<string, string>> = {
  Devices: "--device",
  DeviceRequests: "--gpus",
  DeviceCgroupRules: "--device-cgroup-rule",
  Sysctls: "--sysctl",
  Dns: "--dns",
  DnsOptions: "--dns-option",
  DnsSearch: "--dns-search",
  GroupAdd: "--group-add",
  PidMode: "--pid",
  UTSMode: "--uts",
  UsernsMode: "--userns",
  Cgroup: "--cgroup",
  CgroupParent: "--cgroup-parent",
  Links: "--link",
  VolumesFrom: "--volumes-from",
  VolumeDriver: "--volume-driver",
  StorageOpt: "--storage-opt",
  Annotations: "--annotation",
  OomKillDisable: "--oom-kill-disable",
  OomScoreAdj: "--oom-score-adj",
  MemoryReservation: "--memory-reservation",
  KernelMemory: "--kernel-memory",
  CpuShares: "--cpu-shares",
  CpuPeriod: "--cpu-period",
  CpuQuota: "--cpu-quota",
  CpuRealtimePeriod: "--cpu-rt-period",
  CpuRealtimeRuntime: "--cpu-rt-runtime",
  CpusetCpus: "--cpuset-cpus",
  CpusetMems: "--cpuset-mems",
  BlkioWeight: "--blkio-weight",
  BlkioWeightDevice: "--blkio-weight-device",
  BlkioDeviceReadBps: "--device-read-bps",
  BlkioDeviceWriteBps: "--device-write-bps",
  BlkioDeviceReadIOps: "--device-read-iops",
  BlkioDeviceWriteIOps: "--device-write-iops",
  PublishAllPorts: "--publish-all",
}
const CONFIG_SETTINGS: Readonly<Record<string, string>> = {
  Tty: "--tty",
  OpenStdin: "--interactive",
  Domainname: "--domainname",
  MacAddress: "--mac-address",
  NetworkDisabled: "no network at all",
}

/** Of /dev/shm, where nobody says. */
const SHM_BYTES = 67_108_864
/** Options of a bind that say what is so anyway. */
const PLAIN_BIND: ReadonlySet<string> = new Set(["", "rw", "ro", "rprivate"])

/**
 * What a container has that the kind cannot say: a new one would not have it. Words of the docker command, as in "--device".
 * @param json as an inspect shows it
 */
export function unsupportedOf(json: unknown, info: Info): readonly string[] {
  const { HostConfig, Config, NetworkSettings } = fields(json)
  const [host, config] = [fields(HostConfig), fields(Config)]
  return [
    ...told(host, HOST_SETTINGS),
    ...told(config, CONFIG_SETTINGS),
    ...namespacesOf(host, info),
    ...limitsOf(host, info),
    ...mountsOf(host),
    ...networksOf(fields(fields(NetworkSettings).Networks)),
    ...when(Number(fields(host.RestartPolicy).MaximumRetryCount) > 0, "--restart on-failure with a number"),
    ...when(!isEmpty(fields(config.Healthcheck).StartInterval), "--health-start-interval"),
  ]
}

function told(given: Fields, settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, words]) => when(!isEmpty(given[name]), words))
}

function namespacesOf(host: Fields, { DefaultRuntime, CgroupVersion }: Info): readonly string[] {
  const ipc = String(host.IpcMode ?? "")
  const cgroup = String(host.CgroupnsMode ?? "")
  const runtime = String(host.Runtime ?? "")
  const isOpened = Array.isArray(host.MaskedPaths) && host.MaskedPaths.length === 0 && host.Privileged !== true
  return [
    ...when(!["", "private", "shareable"].includes(ipc), "--ipc"),
    ...when(!["", CgroupVersion === "2" ? "private" : "host"].includes(cgroup), "--cgroupns"),
    ...when(!["", DefaultRuntime].includes(runtime), "--runtime"),
    ...when(!["", "default"].includes(String(host.Isolation ?? "")), "--isolation"),
    ...when(String(host.NetworkMode ?? "").startsWith("container:"), "--network of another container"),
    ...when(isOpened, "--security-opt systempaths=unconfined"),
  ]
}

function limitsOf(host: Fields, { SwapLimit }: Info): readonly string[] {
  const [memory, swap, shm, swappiness] = ["Memory", "MemorySwap", "ShmSize", "MemorySwappiness"].map((name) =>
    Number(host[name] ?? 0),
  ) as [number, number, number, number]
  const isUsual = swap === 0 || swap === 2 * memory || (swap === -1 && (memory === 0 || !SwapLimit))
  return [
    ...when(!isUsual, "--memory-swap"),
    ...when(shm !== 0 && shm !== SHM_BYTES, "--shm-size"),
    ...when(host.MemorySwappiness != null && swappiness !== -1, "--memory-swappiness"),
  ]
}

function mountsOf({ Binds, Mounts, Tmpfs }: Fields): readonly string[] {
  const binds = list(Binds).flatMap((bind) => String(bind).split(":").slice(2).join(":").split(","))
  const options = list(Mounts)
    .map(fields)
    .flatMap(({ BindOptions, VolumeOptions, TmpfsOptions, Consistency, Source, Type }) => [
      ...when(
        !isEmpty(BindOptions) && !["", "rprivate"].includes(String(fields(BindOptions).Propagation ?? "")),
        "bind",
      ),
      ...when(!isEmpty(VolumeOptions) && Object.values(fields(VolumeOptions)).some((each) => !isEmpty(each)), "volume"),
      ...when(!isEmpty(fields(TmpfsOptions).Mode) || !isEmpty(fields(TmpfsOptions).Options), "tmpfs"),
      ...when(!isEmpty(Consistency) && Consistency !== "default", "consistency"),
      ...when(Type === "volume" && isEmpty(Source), "an unnamed volume"),
    ])
  const tmpfs = Object.values(fields(Tmpfs)).flatMap((each) => String(each).split(","))
  return [
    ...when(
      binds.some((option) => !PLAIN_BIND.has(option)),
      "--volume with options",
    ),
    ...when(
      options.length > 0,
      `--mount with ${[...new Set(options)].join(", ")}${options[0]?.startsWith("an ") === true ? "" : " options"}`,
    ),
    ...when(
      tmpfs.some((option) => option !== "" && !/^size=\d+[kmg]?$/i.test(option)),
      "--tmpfs with options",
    ),
  ]
}

function networksOf(networks: Fields): readonly string[] {
  const all = Object.values(networks).map(fields)
  return [
    ...when(
      all.some(({ Links }) => !isEmpty(Links)),
      "--link",
    ),
    ...when(
      all.some(({ DriverOpts }) => !isEmpty(DriverOpts)),
      "driver options of a network",
    ),
    ...when(
      all.some(({ IPAMConfig }) => {
        const { IPv4Address, IPv6Address, LinkLocalIPs } = fields(IPAMConfig)
        return !isEmpty(LinkLocalIPs) || (!isEmpty(IPv4Address) && !isEmpty(IPv6Address))
      }),
      "several fixed addresses in one network",
    ),
  ]
}

function when(is: boolean, words: string): readonly string[] {
  return is ? [words] : []
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true
  return typeof value === "object" && Object.keys(value).length === 0
}

export function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
