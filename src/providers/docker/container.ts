import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { provider } from "../../provider.ts"
import { planContainer } from "./container-plan.ts"
import { containerOutputs, containerProps } from "./container-props.ts"
import { readContainers } from "./container-read.ts"
import { deleteContainer, ensureContainer } from "./container-write.ts"

/** Above two patiences of ten minutes each: a slow stop and a slow start. */
const TIMEOUT_MS = 1_320_000

/**
 * A container that is kept as declared. What can be changed in place is; else a new one takes its place, and the old one serves until the
 * new one is ready, or again where it never gets ready.
 * @example
 * resource(docker.container, "web", {
 *   name: "shop-web",
 *   image: "shop/web:1",
 *   env: { KEY: secret.env("SHOP_KEY") },
 *   networks: [{ name: "shop" }],
 *   healthcheck: { test: "wget -qO- localhost:8080/health" },
 *   keep: 2,
 * }, { on: docker.engine() })
 */
export const container = provider<typeof containerProps, typeof containerOutputs, EngineClient>({
  kind: "docker.container",
  version: 1,
  about: "A container that is kept running as declared, and replaced only when something that needs it has changed.",
  connects: "docker",
  props: containerProps,
  outputs: containerOutputs,
  settles: "unique",
  stable: ["id", "image", "line"],
  volatile: ["health", "startedAt", "addresses", "ports", "versions"],
  /** An image is built under its tag, a network made anew, before its turn. */
  followsNeeds: true,
  timeoutMs: TIMEOUT_MS,
  id: () => undefined,
  idOf: ({ id }) => id,
  identities: ({ name }) => [name],
  predict: ({ name }) => ({ name }),
  read: readContainers,
  plan: planContainer,
  ensure: ensureContainer,
  delete: deleteContainer,
})
