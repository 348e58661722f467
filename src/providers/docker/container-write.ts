import { FettleError } from "../../errors.ts"
import type { Change, Last, Seen } from "../../provider.ts"
import { begin, lookedAt } from "./container-begin.ts"
import type { Container } from "./container-json.ts"
import { differencesOf, membershipMoves } from "./container-plan.ts"
import type { ContainerOutputs, ContainerProps } from "./container-props.ts"
import { type ContainerSeen, lookAt, seenAs } from "./container-read.ts"
import { type Call, change as changeIn, join, leave, remove, rename, start, stop, unpause } from "./container-steps.ts"
import { replaceContainer } from "./container-swap.ts"
import { untilReady } from "./container-wait.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { ImageIds } from "./image-ids.ts"
import { removeUnused } from "./image-write.ts"
import { LINE } from "./labels.ts"
import { prune } from "./prune.ts"
import { isReplaced, listOurs } from "./versions.ts"

/** Makes a container, lets it take the place of another, or changes it in place. */
export async function ensureContainer(
  want: ContainerProps,
  seen: Seen<ContainerOutputs>,
  change: Change<ContainerProps>,
  call: Call,
): Promise<ContainerOutputs> {
  if (change.action === "replace") return replaceContainer(want, change, call)
  if ("outputs" in seen) return updateContainer(want, seen, call)
  const { line = call.intent.token, dead } = ("absent" in seen && seen.shown) || {}
  if (typeof dead === "string") await remove(dead, call) // the Engine holds its name
  return begin(want, String(line), call)
}

/** Everything that can be changed without a new container. What is so already is left alone: an earlier try may have come halfway. */
async function updateContainer(
  want: ContainerProps,
  { outputs }: ContainerSeen,
  call: Call,
): Promise<ContainerOutputs> {
  const { connection, signal } = call
  const { id } = outputs
  const container = await lookAt(id, connection, signal)
  if (container === undefined)
    throw new FettleError("DOCKER_FAILED", `${outputs.name} is gone`, { details: { notMade: true } })
  const ours = await listOurs(connection, signal, outputs.line)
  const images = new ImageIds(connection, signal)
  const last = { props: want, outputs, unfinished: true }
  const seen = await seenAs(container, { want, last }, ours, images, call)
  const moved = new Set(differencesOf(want, seen, last).map(({ prop }) => prop))
  if (moved.has("name")) await rename(id, want.name, call)
  if (moved.has("restart")) await changeIn(id, { restart: want.restart }, call)
  if (moved.has("memoryBytes") || moved.has("cpus") || moved.has("pids")) await changeIn(id, { limits: want }, call)
  if (moved.has("networks")) await changeNetworks(want, seen, call)
  if (want.running) await runs(container, moved, seen.outputs.health === "unhealthy", want, call)
  else if (container.json.State.Running) await stop(container, call)
  if (moved.has("keep")) await prune(outputs.line, want.keep, call)
  return lookedAt(id, want, { ...outputs, startedWith: fingerprintOf(want.restartOn) }, call)
}

/** Starts or restarts it where that is due, and waits until it is ready. */
async function runs(
  container: Container,
  moved: ReadonlySet<string>,
  isUnhealthy: boolean,
  want: ContainerProps,
  call: Call,
): Promise<void> {
  const { id, json } = container
  const { Running, Restarting, Paused } = json.State
  if (Paused) await unpause(id, call)
  const isPausedAlone = Paused && !Restarting
  const isDue = (moved.has("running") && !isPausedAlone) || moved.has("restartOn") || isUnhealthy
  if (isDue && Running) await stop(container, call)
  const before = (await lookAt(id, call.connection, call.signal))?.json.RestartCount
  if (isDue) await start(id, call)
  await untilReady(id, want, call, before)
}

async function changeNetworks(want: ContainerProps, { outputs, shown }: ContainerSeen, call: Call): Promise<void> {
  const there = (shown?.networks ?? []) as unknown as ContainerProps["networks"]
  const moves = membershipMoves(want.networks, there)
  for (const name of moves.leave) await leave(outputs.id, name, call)
  for (const network of moves.join) await join(outputs.id, network, call)
}

/**
 * Removes a container. One that was replaced is kept for a rollback where its props say so, and what is kept beyond that goes; the last
 * one of its line takes all that is kept with it.
 */
export async function deleteContainer(
  seen: Seen<ContainerOutputs>,
  last: Last<ContainerProps, ContainerOutputs> | undefined,
  call: Call,
): Promise<void> {
  const known = "outputs" in seen ? seen.outputs : last?.outputs
  if (known === undefined) return
  const { connection, signal } = call
  const container = "absent" in seen ? undefined : await lookAt(known.id, connection, signal)
  const line = container === undefined ? known.line : (container.labels[LINE] ?? known.line)
  const keep = last?.props.keep ?? 0
  const isSucceeded =
    container !== undefined &&
    isReplaced(container) &&
    (await listOurs(connection, signal, line)).some((each) => each.id !== known.id && !isReplaced(each))
  // Before it goes itself: while it is there, all that is kept is found.
  await prune(line, isSucceeded ? Math.max(0, keep - 1) : 0, call, known.id)
  if (container !== undefined) {
    if (isSucceeded && keep > 0) await changeIn(known.id, { restart: "no" }, call) // else the Engine starts it with itself
    await stop(container, call)
    if (!isSucceeded || keep === 0) {
      await remove(known.id, call)
      await removeUnused(container.json.Image, call)
    }
  }
}
