import type { OpenContext } from "../../provider.ts"
import type { Place } from "./place.ts"
import { sshWay } from "./ssh-way.ts"
import type { Way } from "./way.ts"

/** Opens the way to an Engine. @throws FettleError what ssh could not do */
export async function openWay(place: Place, context: OpenContext): Promise<Way> {
  if (place.at === "ssh") return sshWay(place, context)
  if (place.at === "unix")
    return { to: { socketPath: place.path }, target: `unix://${place.path}`, close: async () => {} }
  const { host, port, tls } = place
  const target = `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`
  if (tls === undefined && !isLoopback(host))
    context.log(`${target} is reached without TLS: whoever is on the way there can do all that you can`)
  if (tls?.rejectUnauthorized === false) context.log(`${target}: its docker context says not to check its certificate`)
  return { to: { host, port, ...(tls === undefined ? {} : { tls }) }, target, close: async () => {} }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host)
}
