import type { DiskFound } from "../events/survey.ts"
import { numberOf, type Section } from "./section.ts"

const KIB = 1_024
const DISKS_MAX = 200
/** File systems that hold nothing of anybody's: memory, the kernel's own, images that are always full. */
const NONE =
  /^(tmpfs|ramfs|devtmpfs|proc|sysfs|cgroup2?|devpts|mqueue|hugetlbfs|securityfs|debugfs|tracefs|configfs|bpf|pstore|efivarfs|autofs|squashfs|fusectl|fuse\.(lxcfs|portal|gvfsd-fuse)|nsfs|binfmt_misc|rpc_pipefs|selinuxfs|iso9660)$/

/** How full its disks are. */
export const disks: Section<readonly DiskFound[]> = {
  about: "disks",
  script: String.raw`
has df || { unseen 'disks: there is no df'; exit; }
if o=$(soon df -P -k 2>/dev/null) || [ -n "$o" ]; then printf '%s\n' "$o" | tagged size; else unseen 'disks: df does not answer'; fi
o=$(soon df -P -i 2>/dev/null); printf '%s\n' "$o" | tagged inodes
[ ! -r /proc/mounts ] || cut -d' ' -f1-3 /proc/mounts | tagged mount
:
`,
  read: (rows) => {
    const lines = rows.lines("size").flatMap(dfLine)
    if (lines.length === 0) return undefined
    const types = new Map(
      rows.lines("mount").map((line) => {
        const [, mount = "", type = ""] = line.split(" ")
        return [mount.replace(/\\040/g, " "), type]
      }),
    )
    const inodes = new Map(
      rows
        .lines("inodes")
        .flatMap(dfLine)
        .map((each) => [each.mount, each]),
    )
    const devices = new Set<string>()
    return lines
      .filter(({ mount, size }) => size > 0 && !NONE.test(types.get(mount) ?? ""))
      .filter(({ device, mount }) => {
        // One device mounted at many places, as in containers, is one disk.
        const again = device.startsWith("/") && devices.has(device) && mount !== "/"
        devices.add(device)
        return !again
      })
      .slice(0, DISKS_MAX)
      .map(({ device, mount, size, used, percent }) => ({
        mount,
        device,
        type: types.get(mount) ?? "",
        sizeBytes: size * KIB,
        usedBytes: used * KIB,
        usedPercent: percent,
        inodesUsedPercent: (inodes.get(mount)?.size ?? 0) > 0 ? inodes.get(mount)?.percent : undefined,
      }))
  },
}

interface DfLine {
  readonly device: string
  readonly size: number
  readonly used: number
  readonly percent: number
  readonly mount: string
}

/** `/dev/vda1 20509264 5000000 14443000 26% /`. */
function dfLine(line: string): readonly DfLine[] {
  const match = /^(.*?)\s+(\d+)\s+(-?\d+)\s+(-?\d+)\s+(\d+)%\s+(\/.*)$/.exec(line)
  if (match === null) return []
  const [, device = "", size, used, , percent, mount = ""] = match
  return [{ device, size: numberOf(size), used: numberOf(used), percent: Math.min(100, numberOf(percent)), mount }]
}
