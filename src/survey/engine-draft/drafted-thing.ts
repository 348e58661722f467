import type { LeftOut } from "../draft/node.ts"
import type { Props } from "./container-values.ts"

/** A thing of an Engine as a node of a program. */
export interface DraftedThing {
  readonly kind: "docker.network" | "docker.volume" | "docker.image" | "docker.container"
  /** Its name on the Engine. */
  readonly name: string
  /** As the kind takes them, without references to other nodes. */
  readonly props: Props
  /** Names of variables of its environment whose values look secret. */
  readonly secrets: readonly string[]
  /** Stand above it. */
  readonly notes: readonly string[]
  /** The project of compose that it belongs to. */
  readonly project?: string | undefined
}

/** A node, or why there cannot be one. */
export type Judged = DraftedThing | { readonly left: LeftOut }

/** Labels by which others say that a thing is theirs to keep. */
const OTHERS: readonly (readonly [label: string, whose: string])[] = [
  ["com.docker.swarm.service.name", "the swarm service"],
  ["com.docker.stack.namespace", "the swarm stack"],
  ["io.kubernetes.pod.name", "the pod"],
]

/** Whose a thing is, where somebody else keeps it. */
export function keeperOf(labels: Readonly<Record<string, string>>, owner: string | undefined): string | undefined {
  if (owner !== undefined) return `is of the Fettle program ${owner} already`
  const found = OTHERS.find(([label]) => Object.hasOwn(labels, label))
  return found === undefined ? undefined : `belongs to ${found[1]} ${labels[found[0]]}`
}
