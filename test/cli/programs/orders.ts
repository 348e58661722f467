import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { program, resource, type Secret, secret, task } from "fettle"
import { provider, type Read, type Seen } from "fettle/provider"
import { z } from "zod"

const far = `${import.meta.dirname}/far`

interface Outputs {
  readonly id: string
  readonly token: Secret<string>
}

function look(id: string | undefined, call: Read<unknown>): Seen<Outputs> {
  if (id === undefined || !existsSync(`${far}/${id}`)) return { absent: true }
  return { outputs: { id, token: call.secret("order token", readFileSync(`${far}/${id}`, "utf8")) } }
}

/** A thing whose id the far side gives, and which it cannot be asked for: a lost answer needs a person. */
const order = provider({
  kind: "test.order",
  version: 2,
  about: "An order that cannot be looked up.",
  connects: "none",
  props: z.strictObject({ item: z.string(), die: z.boolean().default(false) }),
  outputs: z.object({ id: z.string(), token: z.custom<Secret<string>>((value) => typeof value === "object") }),
  settles: "ask",
  id: () => undefined,
  idOf: (outputs) => outputs.id,
  read: async (keys, call) => new Map(keys.map((key) => [key.address, look(key.id, call)])),
  plan: (_want, seen) => ({ action: "outputs" in seen ? "none" : "create" }),
  ensure: async (want, _seen, _change, call) => {
    mkdirSync(far, { recursive: true })
    const id = `order-${call.intent.token.slice(0, 8)}`
    writeFileSync(`${far}/${id}`, "token-that-nobody-may-see")
    if (want.die) process.kill(process.pid, "SIGKILL")
    return { id, token: call.secret("order token", "token-that-nobody-may-see") }
  },
  delete: async () => {},
})

export default program("orders", { die: false, once: false }, ({ die, once }) => {
  resource(order, "tea", { item: "tea", die })
  if (once) task("charge", { run: ["sh", "-c", "echo x >> charged.txt; [ ! -e die ] || kill -9 $PPID"], once: true })
  task("seed", { run: ["true"], values: { pass: "plain" }, secrets: [secret.random("seed")] })
})
