import { FettleError } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import type { EngineClient } from "./engine-client.ts"

/** What the Engine gives a container to end by itself where nobody says. */
const GRACE_S = 10
/** From the end of the grace until the Engine must have answered. */
const MARGIN_MS = 30_000
/** How often is looked whether a removal that is under way has ended. */
const LOOK_MS = 100
/** Refusals that pass: another removal, and files that the kernel lets go of a moment after their processes have ended. */
const PASSING = /already in progress|device or resource busy/
/** Longest time that such a removal may take. */
const REMOVAL_MS = 60_000

interface Limits {
  readonly signal?: AbortSignal
}

/**
 * Ends a container: its stop signal, after the grace SIGKILL. One that is stopped already stays so.
 * @param graceS in seconds; default: the container's own, which is 10 where nobody said
 * @returns false where there is no such container
 */
export async function stopContainer(
  client: EngineClient,
  container: string,
  { graceS, signal }: Limits & { readonly graceS?: number } = {},
): Promise<boolean> {
  const grace = graceS ?? (await graceOf(client, container, signal))
  const { status } = await client.json("POST", `${pathOf(container)}/stop`, {
    query: { t: graceS },
    accept: [304, 404],
    repeatable: true,
    timeoutMs: grace * 1_000 + MARGIN_MS,
    ...(signal && { signal }),
  })
  return status !== 404
}

/** Sends a signal. @returns false where the container is not there or does not run */
export async function killContainer(
  client: EngineClient,
  container: string,
  { with: name = "SIGKILL", signal }: Limits & { readonly with?: string } = {},
): Promise<boolean> {
  const call = { query: { signal: name }, accept: [404, 409], ...(signal && { signal }) }
  const { status } = await client.json("POST", `${pathOf(container)}/kill`, call)
  return status < 300
}

/**
 * Removes a container and its unnamed volumes. Back when it is gone, also where somebody else was already at it.
 * @param force also where it runs; default false
 * @param volumes false where its unnamed volumes are to stay; default true
 * @returns false where it was not there
 * @throws FettleError `DOCKER_FAILED` where it runs
 */
export async function removeContainer(
  client: EngineClient,
  container: string,
  { force = false, volumes = true, signal }: Limits & { readonly force?: boolean; readonly volumes?: boolean } = {},
): Promise<boolean> {
  const call = { query: { force, v: volumes }, accept: [404, 409, 500], repeatable: true, ...(signal && { signal }) }
  for (const until = performance.now() + REMOVAL_MS; ; ) {
    const { status, json } = await client.json("DELETE", pathOf(container), call)
    if (status < 300) return true
    if (status === 404) return false
    const said = String(Object(json).message ?? "")
    if (!PASSING.test(said) || performance.now() > until)
      throw new FettleError("DOCKER_FAILED", `${container} was not removed: ${client.hide(said)}`, {
        details: { status, notMade: true },
      })
    await sleep(LOOK_MS, signal ?? never)
  }
}

/**
 * Waits until a container has ended, for as long as that takes; one that has already is not waited for.
 * @returns its exit code
 * @throws FettleError `DOCKER_FAILED` where it is not there, or is removed meanwhile
 */
export async function waitContainer(client: EngineClient, container: string, { signal }: Limits = {}): Promise<number> {
  const call = { query: { condition: "not-running" }, timeoutMs: 0, fresh: true, ...(signal && { signal }) }
  const { json } = await client.json("POST", `${pathOf(container)}/wait`, call)
  const { StatusCode, Error: failed } = Object(json)
  const said = Object(failed).Message
  if (typeof said === "string" && said !== "")
    throw new FettleError("DOCKER_FAILED", `${container} was not waited for to its end: ${client.hide(said)}`)
  if (typeof StatusCode === "number") return StatusCode
  throw new FettleError("DOCKER_PROTOCOL", `the Engine tells no exit code of ${container}`)
}

async function graceOf(client: EngineClient, container: string, signal: AbortSignal | undefined): Promise<number> {
  const { json } = await client.json("GET", `${pathOf(container)}/json`, { accept: [404], ...(signal && { signal }) })
  const { StopTimeout } = Object(Object(json).Config)
  return typeof StopTimeout === "number" ? StopTimeout : GRACE_S
}

function pathOf(container: string): string {
  return `/containers/${encodeURIComponent(container)}`
}

const never = new AbortController().signal
