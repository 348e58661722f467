import type { PortFound } from "../events/survey.ts"
import { numberOf, type Rows, type Section } from "./section.ts"

/** Most ports that are told one by one. */
const PORTS_MAX = 2_000

/** Where somebody listens. */
export const ports: Section<readonly PortFound[]> = {
  about: "open ports",
  script: String.raw`
if has ss; then
  printf 'by\tss\n'
  soon ss -Hltunp 2>/dev/null | tagged ss
elif [ -r /proc/net/tcp ]; then
  printf 'by\tproc\n'
  for f in tcp tcp6 udp udp6; do [ -r /proc/net/$f ] && tagged $f </proc/net/$f; done
  unseen 'who listens on the ports: there is no ss'
else unseen 'open ports: there is neither ss nor /proc/net'; fi
[ "$(id -u)" = 0 ] || unseen 'who listens on the ports of others: only root may see that'
:
`,
  read: (rows) => {
    const by = rows.one("by")
    if (by === "") return undefined
    const all = by === "ss" ? rows.lines("ss").flatMap(ssPort) : procPorts(rows)
    const once = new Map(all.map((each) => [`${each.protocol} ${each.address} ${each.port}`, each]))
    return [...once.values()]
      .sort(
        (a, b) =>
          a.port - b.port ||
          (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.address < b.address ? -1 : 1),
      )
      .slice(0, PORTS_MAX)
  },
}

/** `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`. */
function ssPort(line: string): readonly PortFound[] {
  const [protocol, state, , , local = ""] = line.trim().split(/\s+/)
  const at = local.lastIndexOf(":")
  if ((protocol !== "tcp" && protocol !== "udp") || at < 0 || (protocol === "tcp" && state !== "LISTEN")) return []
  const address = local
    .slice(0, at)
    .replace(/^\[(.*)\]/, "$1")
    .replace(/%.*$/, "")
  const names = [...line.matchAll(/\("([^"]{1,64})",pid=/g)].map(([, name = ""]) => name)
  return [
    { protocol, address, port: numberOf(local.slice(at + 1)), process: [...new Set(names)].join(", ") || undefined },
  ]
}

/** States of the kernel's tables: a listening TCP socket, and a UDP socket that talks to nobody in particular. */
const LISTENS = { tcp: "0A", udp: "07" } as const

function procPorts(rows: Rows): readonly PortFound[] {
  return (["tcp", "tcp6", "udp", "udp6"] as const).flatMap((table) => {
    const protocol = table.startsWith("tcp") ? "tcp" : "udp"
    return rows.lines(table).flatMap((line): PortFound[] => {
      const [, local = "", , state] = line.trim().split(/\s+/)
      const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local)
      if (match === null || state !== LISTENS[protocol]) return []
      return [{ protocol, address: addressOf(match[1] as string), port: Number.parseInt(match[2] as string, 16) }]
    })
  })
}

/** The kernel writes each four bytes of an address backwards. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse())
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".")
  const words = Array.from({ length: 8 }, (_, at) =>
    Number.parseInt(`${bytes[at * 2]}${bytes[at * 2 + 1]}`, 16).toString(16),
  )
  return words.join(":").replace(/(^|:)(0(:|$)){2,}/, "::")
}
