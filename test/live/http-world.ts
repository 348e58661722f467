import { createHash, randomUUID } from "node:crypto"
import { type HttpApiOptions, httpApi } from "../../src/connect/http.ts"
import type { Address } from "../../src/program/address.ts"
import type { AnyProvider, Change, ChangeItem, ChangeResult, Driver, Key, Last } from "../../src/provider.ts"
import { object } from "../../src/providers/http/object.ts"
import { Secret } from "../../src/secrets/secret.ts"

export type Props = Parameters<typeof object.plan>[0]
export type Outputs = Extract<ObjectSeen, { outputs: unknown }>["outputs"]
export type ObjectSeen = Parameters<typeof object.plan>[1]

/** A secret as a run has opened it. */
export function openedSecret(name: string, value: string): Secret<string> {
  const secret = new Secret<string>(name, { type: "value", value }, { weak: true })
  Secret.remember(secret, { value, fingerprint: `fp:${createHash("sha256").update(value).digest("hex")}` })
  return secret
}

/** What state gives back of a secret: its fingerprint alone. */
export function recordedSecret(secret: Secret<unknown>): Secret<unknown> {
  const recorded = new Secret<unknown>(secret.name, { type: "recorded" })
  Secret.remember(recorded, { value: undefined, fingerprint: secret.fingerprint })
  return recorded
}

function reveal<T>(secret: Secret<T>): T {
  return Secret.opened(secret)?.value as T
}

const idle = new AbortController().signal

const readCall = { seal: (sha256: string) => `fp:${sha256}`, secret: openedSecret }

export function props(raw: unknown): Props {
  return object.props.parse(raw)
}

/** One connection with what an engine would do around it. */
export class World {
  readonly driver: Driver

  constructor(driver: Driver) {
    this.driver = driver
  }

  static async open(options: HttpApiOptions): Promise<World> {
    return new World(await httpApi(options).open({ signal: idle, reveal, log: () => {} }))
  }

  async readAll(
    keys: readonly Omit<Key<unknown, unknown>, "address">[],
    signal = idle,
  ): Promise<readonly ObjectSeen[]> {
    const items = keys.map((key, at) => ({ provider: object as AnyProvider, key: { ...key, address: addressOf(at) } }))
    const answers = await this.driver.read(items, { ...readCall, signal })
    return items.map(({ key }) => answers.get(key.address) as ObjectSeen)
  }

  async read(key: Omit<Key<unknown, unknown>, "address">): Promise<ObjectSeen> {
    return (await this.readAll([key]))[0] as ObjectSeen
  }

  /** One write; `token` and `repeated` are the intent's. */
  async ensure(want: Props, seen: ObjectSeen, options: Partial<WriteOptions> = {}): Promise<ChangeResult> {
    const change = options.change ?? object.plan(want, seen, options.last)
    return this.#change({ action: "ensure", want, seen, change: change as ChangeItem["change"] }, options)
  }

  async delete(
    seen: ObjectSeen,
    last: Last<Props, Outputs>,
    options: Partial<WriteOptions> = {},
  ): Promise<ChangeResult> {
    return this.#change({ action: "delete", seen, last, change: { action: "none" } }, options)
  }

  async #change(
    parts: Pick<ChangeItem, "action" | "seen" | "change"> & Partial<ChangeItem>,
    options: Partial<WriteOptions>,
  ): Promise<ChangeResult> {
    const { token = randomUUID(), repeated = false, signal = idle, timeoutMs = 60_000, log = () => {}, hide } = options
    const address = addressOf(0)
    const intent = { token, repeated }
    const call: ChangeItem["call"] = (connection) => ({
      ...readCall,
      connection,
      signal,
      address,
      intent,
      reveal,
      progress: async () => {},
      log,
      ...(hide && { hide }),
    })
    let result: ChangeResult | undefined
    await this.driver.change(
      [{ provider: object as AnyProvider, address, intent, timeoutMs, signal, call, ...parts }],
      (_, each) => {
        result = each
      },
    )
    return result as ChangeResult
  }
}

interface WriteOptions {
  readonly token: string
  readonly repeated: boolean
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly change: Change<Props>
  readonly last: Last<Props, Outputs>
  readonly log: (text: string) => void
  readonly hide: (text: string) => string
}

function addressOf(at: number): Address {
  return `http.object[${at}]` as Address
}

export const absent: ObjectSeen = { absent: true }

/** The outputs of a change that went well. */
export function outputsOf(result: ChangeResult): Outputs {
  if ("outputs" in result) return result.outputs as Outputs
  throw "failed" in result ? result.failed : new Error("it was deleted")
}

/** What the server holds. */
export async function dump(url: string, seed: string): Promise<Dump> {
  return (await (await fetch(`${url}/ns/${seed}/dump`)).json()) as Dump
}

interface Dump {
  readonly counters: Record<string, number>
  readonly byName: Record<string, number>
  readonly collections: Record<string, readonly Record<string, unknown>[]>
}
