import type { RuntimeClient } from "../../connect/haproxy/runtime-client.ts"
import { provider } from "../../provider.ts"
import { planServer } from "./server-plan.ts"
import { pathOf, serverOutputs, serverProps } from "./server-props.ts"
import { readServers } from "./server-read.ts"
import { deleteServer, ensureServer } from "./server-write.ts"

/** Above two patiences of ten minutes each: a slow start and a slow drain. */
const TIMEOUT_MS = 1_320_000

/**
 * A server of a backend of HAProxy, through its runtime API: added, given a weight, drained and deleted without a restart. It is lost
 * when HAProxy restarts: the next plan shows that, and the next apply adds it again.
 * @example
 * resource(haproxy.server, "web1", {
 *   backend: "web",
 *   address: "10.0.0.2",
 *   port: 8080,
 * }, { on: haproxy.runtime() })
 */
export const server = provider<typeof serverProps, typeof serverOutputs, RuntimeClient>({
  kind: "haproxy.server",
  version: 1,
  about: "A server of a HAProxy backend, added, weighted, drained and deleted at run time.",
  connects: "haproxy",
  props: serverProps,
  outputs: serverOutputs,
  settles: "unique",
  stable: ["backend", "name", "added"],
  volatile: ["up"],
  /** A HAProxy that was started anew in this run has lost it. */
  followsNeeds: true,
  timeoutMs: TIMEOUT_MS,
  id: pathOf,
  predict: (want) => ({ backend: want.backend, address: want.address, port: want.port }),
  read: readServers,
  plan: planServer,
  ensure: ensureServer,
  delete: deleteServer,
})
