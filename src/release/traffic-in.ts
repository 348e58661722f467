import { type Traffic, trafficOf } from "../connect/traffic.ts"
import { FettleError } from "../errors.ts"
import type { ReleaseProps } from "../program/release-props.ts"

/** Who sends the traffic of a release. @throws FettleError `CONNECTION_WRONG` */
export function trafficIn({ traffic }: Pick<ReleaseProps, "traffic">, client: unknown): Traffic {
  const found = trafficOf(client, traffic?.backend ?? "")
  if (found !== undefined) return found
  throw new FettleError("CONNECTION_WRONG", `${traffic?.on} cannot send traffic`, {
    next: "give release(…) a connection that can: haproxy(…) of fettle/haproxy, or proxy(…) of fettle/proxy",
  })
}
