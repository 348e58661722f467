import { z } from "zod"
import { removeContainer, stopContainer } from "../../connect/docker/container-life.ts"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import type { Write } from "../../provider.ts"
import { bodyOf, endpointOf, limitsOf } from "./container-body.ts"
import type { Container } from "./container-json.ts"
import type { ContainerProps } from "./container-props.ts"
import { lookAt } from "./container-read.ts"
import { createNamed } from "./create.ts"
import { shaped } from "./shape.ts"

export type Call = Write<EngineClient>

/** Its own time to stop, where an Engine says none. */
const STOP_SECONDS = 10
/** Already so. */
const NOT_MODIFIED = 304

/** Makes it, with all its networks, and does not start it. @returns its id */
export async function create(want: ContainerProps, line: string, call: Call): Promise<string> {
  const { connection, signal } = call
  const make = async (): Promise<string> => {
    const body = bodyOf(want, line, call)
    const { json } = await connection.json("POST", "/containers/create", { query: { name: want.name }, body, signal })
    return shaped(z.object({ Id: z.string() }), json, "the answer of the create").Id
  }
  const id = await createNamed("container", want.name, call, make, () => lookAt(want.name, connection, signal))
  for (const network of want.networks.slice(1)) await join(id, network, call) // Engines before 25 take one at the create
  return id
}

export async function join(id: string, network: ContainerProps["networks"][number], call: Call): Promise<void> {
  const body = { Container: id, EndpointConfig: endpointOf(network) }
  const path = `/networks/${encodeURIComponent(network.name)}/connect`
  await call.connection.json("POST", path, { body, signal: call.signal })
}

export async function leave(id: string, network: string, { connection, signal }: Call): Promise<void> {
  const body = { Container: id, Force: true }
  const path = `/networks/${encodeURIComponent(network)}/disconnect`
  await connection.json("POST", path, { body, accept: [404], repeatable: true, signal })
}

export async function start(id: string, { connection, signal }: Call): Promise<void> {
  await connection.json("POST", `/containers/${id}/start`, { accept: [NOT_MODIFIED], repeatable: true, signal })
}

/** Asks it to end and waits as long as it was given. Already ended, or gone, is success. */
export async function stop({ id, json }: Pick<Container, "id" | "json">, { connection, signal }: Call): Promise<void> {
  await stopContainer(connection, id, { graceS: json.Config.StopTimeout ?? STOP_SECONDS, signal })
}

/** Not paused, or gone, is success. */
export async function unpause(id: string, { connection, signal }: Call): Promise<void> {
  await connection.json("POST", `/containers/${id}/unpause`, { accept: [404, 409, 500], repeatable: true, signal })
}

export async function rename(id: string, name: string, { connection, signal }: Call): Promise<void> {
  await connection.json("POST", `/containers/${id}/rename`, { query: { name }, signal })
}

/** Limits and restart policy, which change without a restart. */
export async function change(
  id: string,
  { restart, limits }: { readonly restart?: string; readonly limits?: ContainerProps },
  { connection, signal }: Call,
): Promise<void> {
  const body = {
    ...(restart === undefined ? {} : { RestartPolicy: { Name: restart } }),
    ...(limits === undefined ? {} : limitsOf(limits)),
  }
  await connection.json("POST", `/containers/${id}/update`, { body, repeatable: true, signal })
}

/** Removes it with what it wrote, however it is; volumes stay, unnamed ones too. Already gone is success. */
export async function remove(id: string, { connection, signal }: Call): Promise<void> {
  await removeContainer(connection, id, { force: true, volumes: false, signal })
}
