import { asFettleError, causeText, FettleError } from "../../errors.ts"
import type { Change } from "../../provider.ts"
import { begin } from "./container-begin.ts"
import type { Container } from "./container-json.ts"
import { replaces } from "./container-plan.ts"
import { type ContainerOutputs, type ContainerProps, startsFirst } from "./container-props.ts"
import { lookAt } from "./container-read.ts"
import { type Call, change as changeIn, remove, rename, start, stop } from "./container-steps.ts"
import { LINE, markIn } from "./labels.ts"
import { firstName, replacedName } from "./versions.ts"

/**
 * Lets a new container take the place and the name of an old one, which is left under another name for its delete.
 *
 * The new one is made under its final name: names are unique, so a create of a client that died can never make a second one. Where the
 * new one does not become ready, it is removed and the old one is put back as it was.
 */
export async function replaceContainer(
  want: ContainerProps,
  change: Change<ContainerProps>,
  call: Call,
): Promise<ContainerOutputs> {
  const old = await oldOf(change, call)
  if (old === undefined) return begin(want, call.intent.token, call)
  const wasRunning = old.json.State.Running
  const isBeside = startsFirst(want)
  try {
    if (old.name !== replacedName(old.name, old.id)) await renamed(old, replacedName(old.name, old.id), call)
    if (!isBeside) await rest(old, call)
    return await begin(want, old.labels[LINE] ?? old.id, call)
  } catch (thrown) {
    throw await putBack(old, wasRunning, want, thrown, call)
  }
}

/** The container that was planned to be replaced; undefined where it is gone meanwhile. */
async function oldOf(change: Change<ContainerProps>, call: Call): Promise<Container | undefined> {
  const words = change.exactly?.[0] ?? ""
  const id = words.startsWith(replaces("")) ? words.slice(replaces("").length) : undefined
  return id === undefined ? undefined : lookAt(id, call.connection, call.signal)
}

/** An Engine cannot rename what it is about to restart: that is stopped first. */
async function renamed(old: Container, name: string, call: Call): Promise<void> {
  if (old.json.State.Restarting) await rest(old, call)
  try {
    await rename(old.id, name, call)
  } catch (thrown) {
    const now = await lookAt(old.id, call.connection, call.signal)
    const isBetween = now?.json.State.Restarting === true || /sandbox/.test(causeText(thrown))
    if (now === undefined || !isBetween) throw thrown
    await rest(now, call)
    await rename(old.id, name, call)
  }
}

/** Stops it, and the Engine does not start it again by itself. */
async function rest(old: Container, call: Call): Promise<void> {
  if (old.json.State.Restarting) await stop(old, call) // an Engine cannot change what it is about to restart
  await changeIn(old.id, { restart: "no" }, call)
  await stop(old, call)
}

/** The world as it was before. Where that cannot be done, what is there now is for the next run to see. */
async function putBack(
  old: Container,
  wasRunning: boolean,
  want: ContainerProps,
  thrown: unknown,
  call: Call,
): Promise<unknown> {
  if (call.signal.aborted) return thrown
  const error = asFettleError(thrown, "CHANGE_FAILED")
  let isPaused = false
  try {
    const { connection, signal } = call
    const made = await lookAt(want.name, connection, signal)
    if (made !== undefined && markIn(made.labels).mark === call.intent.token) await remove(made.id, call)
    const now = await lookAt(old.id, connection, signal)
    const name = firstName(old.name, old.id)
    if (now !== undefined && now.name !== name) await renamed(now, name, call)
    const policy = old.json.HostConfig.RestartPolicy.Name || "no"
    if (now !== undefined) await changeIn(old.id, { restart: policy }, call)
    if (wasRunning) await start(old.id, call)
    isPaused = (await lookAt(old.id, connection, signal))?.json.State.Paused === true
  } catch (failed) {
    call.log(`the old one could not be put back: ${causeText(failed)}`, "stderr")
    return thrown
  }
  const { code, fact, next, details } = error
  return new FettleError(code, `${fact}\n${firstName(old.name, old.id)} ${asBefore(old, isPaused)}`, {
    next,
    details: { ...details, notMade: true },
    cause: error,
  })
}

/** What is true of it again. */
function asBefore({ json: { State } }: Container, isPaused: boolean): string {
  if (State.Restarting) return "is back, and the Engine restarts it over and over as before"
  if (isPaused) return "is back, as it was paused before"
  return State.Running ? "serves as before" : "is back, and does not run, as before"
}
