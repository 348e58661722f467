import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { jsonLines } from "../../connect/docker/json-lines.ts"
import { FettleError } from "../../errors.ts"
import type { Write } from "../../provider.ts"
import { repositoryOf, tagIn } from "./reference.ts"

type Call = Write<EngineClient>

/** Gets an image from its registry. */
export async function pull(name: string, platform: string | undefined, call: Call): Promise<void> {
  const query = { fromImage: repositoryOf(name), tag: tagIn(name), platform }
  await transfer("/images/create", name, query, "IMAGE_NOT_PULLED", call)
}

/** Gives an image to the registry that its name begins with. What is there already is not sent. */
export async function push(name: string, call: Call): Promise<void> {
  await transfer(`/images/${repositoryOf(name)}/push`, name, { tag: tagIn(name) }, "IMAGE_NOT_PUSHED", call)
}

/** The Engine answers at once and tells in the stream how it goes: an error there is the only sign of a failure. */
async function transfer(
  path: string,
  name: string,
  query: Readonly<Record<string, string | undefined>>,
  code: "IMAGE_NOT_PULLED" | "IMAGE_NOT_PUSHED",
  { connection, signal, log }: Call,
): Promise<void> {
  const auth = await connection.logins.headerFor(name)
  const needed = code === "IMAGE_NOT_PUSHED" ? "e30=" : undefined // a push must have the header: {} in base64
  const header = auth ?? needed
  const headers = header === undefined ? {} : { "x-registry-auth": header }
  const { body } = await connection.stream("POST", path, { query, headers, timeoutMs: 0, signal })
  const told = new Set<string>()
  try {
    for await (const line of jsonLines(body)) {
      const { status, id, error } = Object(line) as Readonly<Record<string, unknown>>
      if (typeof error === "string") throw new FettleError(code, `${name}: ${connection.hide(error)}`)
      const text = `${typeof id === "string" ? `${id}: ` : ""}${String(status ?? "")}`
      if (!told.has(text)) log(text) // a layer says the same once for each block
      told.add(text)
    }
  } finally {
    body.destroy()
  }
}
