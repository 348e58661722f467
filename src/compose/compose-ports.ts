import type { z } from "zod"
import type { containerProps } from "../providers/docker/container-props.ts"
import type { ComposeService } from "./compose-schema.ts"

type Port = NonNullable<z.input<typeof containerProps>["ports"]>[number]
type GivenPort = NonNullable<ComposeService["ports"]>[number]

/** Ends reading. */
interface Refusing {
  refuse(path: readonly string[], fact: string): never
}

/** Most ports of one range: each is an entry of its own, and a typing error is likelier than a wish. */
const RANGE_MAX = 1_000

/** The ports of one entry: one, or those of a range, each at its own port of the host. */
export function portsOf(given: GivenPort, path: readonly string[], { refuse }: Refusing): readonly Port[] {
  if (typeof given !== "string") {
    const host = given.published === undefined ? {} : { host: Number(given.published) }
    return [
      { container: given.target, ...host, protocol: given.protocol ?? "tcp", address: given.host_ip ?? "0.0.0.0" },
    ]
  }
  const found = /^(?:(?:(\[[^\]]+\]|[\d.]+):)?(\d*(?:-\d+)?):)?(\d+(?:-\d+)?)(?:\/(tcp|udp))?$/.exec(given)
  if (found === null) return refuse(path, `${JSON.stringify(given)} is not understood`)
  const [, address = "0.0.0.0", host = "", container = "", protocol = "tcp"] = found
  const [inside, outside] = [rangeOf(container), host === "" ? undefined : rangeOf(host)]
  if (inside.length === 0 || (outside !== undefined && outside.length !== inside.length))
    return refuse(path, `${JSON.stringify(given)}: both ranges must be of one length, at most ${RANGE_MAX} ports`)
  return inside.map((each, at) => ({
    container: each,
    ...(outside === undefined ? {} : { host: outside[at] as number }),
    protocol: protocol as "tcp" | "udp",
    address: address.replace(/[[\]]/g, ""),
  }))
}

/** "80", or "8000-8010"; empty where that goes backwards or is too long. */
function rangeOf(text: string): readonly number[] {
  const [from = 0, to = from] = text.split("-").map(Number)
  const length = to - from + 1
  return length < 1 || length > RANGE_MAX ? [] : Array.from({ length }, (_, at) => from + at)
}
