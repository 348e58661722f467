import { randomUUID } from "node:crypto"
import { plainDriver } from "../connect/plain-driver.ts"
import { FettleError } from "../errors.ts"
import { secretsIn } from "../program/output.ts"
import { parseProps } from "../program/props.ts"
import type {
  AnyProvider,
  Change,
  ChangeItem,
  ChangeResult,
  Connection,
  Driver,
  Json,
  Key,
  Seen,
  Write,
} from "../provider.ts"
import { SecretBox } from "../secrets/box.ts"
import type { DataKey } from "../secrets/key.ts"
import { Secret } from "../secrets/secret.ts"
import { must } from "./broken.ts"

/** Limit of one call of a rule, in milliseconds, where the kind names none. */
const CALL_TIMEOUT_MS = 30_000

/** A thing that a rule has made. */
export interface Made {
  readonly address: string
  readonly want: unknown
  readonly id: string | undefined
  readonly outputs: unknown
}

/** What a change is made with besides what is wanted. */
interface Intended {
  readonly address?: string
  readonly token?: string
  readonly repeated?: boolean
  readonly seen?: Seen<unknown>
  readonly last?: Made
}

/** What a far side is reached with. */
export interface FarParts {
  readonly provider: AnyProvider
  readonly connection: Connection | undefined
  /** Values of `secret.env(NAME)`, by name. */
  readonly secrets: Readonly<Record<string, string>>
  readonly key: DataKey
}

/** The far side through its own driver, with real secrets and no engine: for what the engine would never ask twice. */
export class Far {
  readonly #provider: AnyProvider
  readonly #driver: Driver
  readonly #box: SecretBox
  readonly #key: DataKey
  readonly #abort = new AbortController()
  /** What providers told while they wrote: JSON of `progress`. */
  readonly told: Json[] = []
  /** Lines that providers logged, before anything is hidden. */
  readonly logged: string[] = []

  private constructor(provider: AnyProvider, driver: Driver, box: SecretBox, key: DataKey) {
    this.#provider = provider
    this.#driver = driver
    this.#box = box
    this.#key = key
  }

  static async open({ provider, connection, secrets, key }: FarParts): Promise<Far> {
    const access = {
      env: (name: string) => secrets[name],
      run: () => Promise.reject(new Error("no command is run here")),
    }
    const box = new SecretBox({ access, key, random: { get: () => undefined }, register: () => {} })
    await Promise.all((connection?.secrets ?? []).map((secret) => box.open(secret)))
    const context = {
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      reveal: (secret: Secret<unknown>) => box.value(secret) as never,
      log: () => {},
    }
    const driver = (await connection?.open(context)) ?? plainDriver(undefined, { identity: "" })
    return new Far(provider, driver, box, key)
  }

  close(): Promise<void> {
    this.#abort.abort()
    return this.#driver.close()
  }

  /** Props as the kind gets them, with their secrets open. */
  async want(given: unknown): Promise<unknown> {
    const want = parseProps(this.#provider, given, "conforms" as never, undefined)
    await Promise.all(secretsIn(want).map((secret) => this.#box.open(secret)))
    return want
  }

  /** Reads keys in one call of the driver. */
  async read(keys: readonly Key<unknown, unknown>[]): Promise<ReadonlyMap<string, Seen<unknown>>> {
    const items = keys.map((key) => ({ provider: this.#provider, key }))
    return this.#driver.read(items, {
      signal: this.#abort.signal,
      seal: (sha256) => this.#key.fingerprintOfHash(sha256),
      secret: (name, value) => this.#box.wrap(name, value),
    })
  }

  /** Reads what is not there yet, for its create. */
  async readNew(want: unknown, address: string): Promise<Seen<unknown>> {
    const id = this.#provider.id(want)
    const key = { address: address as never, ...(id === undefined ? {} : { id }), want }
    const seen = (await this.read([key])).get(address)
    must(seen !== undefined, `no answer for ${address}`)
    return "absent" in seen ? seen : { absent: true }
  }

  /** Reads one thing that was made; for `want` where something else is wanted of it now. */
  async readMade(made: Made, want = made.want): Promise<Seen<unknown>> {
    const key = { ...this.keyOf(made), want }
    const seen = (await this.read([key])).get(made.address)
    must(seen !== undefined, `no answer for ${made.address}`)
    return seen
  }

  /** The key of a thing that was made; `leaving` where it left the program. */
  keyOf({ address, want, id, outputs }: Made, leaving = false): Key<unknown, unknown> {
    const last = { props: want, outputs }
    return { address: address as never, ...(id === undefined ? {} : { id }), ...(leaving ? {} : { want }), last }
  }

  /** Creates a thing. @throws the error of the call */
  async create(want: unknown, intended: Intended = {}): Promise<Made> {
    const address = intended.address ?? `conforms[${randomUUID()}]`
    const result = await this.change("ensure", want, { action: "create" }, { ...intended, address })
    if ("failed" in result) throw result.failed
    const outputs = "outputs" in result ? result.outputs : undefined
    const provider = this.#provider
    return { address, want, id: provider.idOf?.(outputs) ?? provider.id(want), outputs }
  }

  delete(made: Made, seen: Seen<unknown>): Promise<ChangeResult> {
    return this.change("delete", undefined, { action: "none" }, { address: made.address, seen, last: made })
  }

  /** One change, as the engine would hand it to the driver. */
  async change(
    action: "ensure" | "delete",
    want: unknown,
    change: Change<Record<string, unknown>>,
    intended: Intended,
  ): Promise<ChangeResult> {
    const provider = this.#provider
    const {
      address = "conforms[thing]",
      token = randomUUID(),
      repeated = false,
      seen = { absent: true },
      last,
    } = intended
    const intent = { token, repeated }
    const item: ChangeItem = {
      provider,
      address: address as never,
      action,
      seen,
      change,
      intent,
      ...(want === undefined ? {} : { want }),
      last: last === undefined ? undefined : { props: last.want, outputs: last.outputs },
      id: last?.id ?? (want === undefined ? undefined : provider.id(want)),
      timeoutMs: provider.timeoutMs ?? CALL_TIMEOUT_MS,
      signal: this.#abort.signal,
      call: <C>(connection: C) => this.#write(connection, address, intent, [want, last?.outputs]),
    }
    let result: ChangeResult | undefined
    await this.#driver.change([item], (_item, came) => {
      result = came
    })
    must(result !== undefined, `the connection gave no result for a ${action}`)
    return result
  }

  #write<C>(
    connection: C,
    address: string,
    intent: { token: string; repeated: boolean },
    named: readonly unknown[],
  ): Write<C> {
    const open = new Set(named.flatMap((each) => secretsIn(each)))
    return {
      connection,
      address: address as never,
      intent,
      signal: this.#abort.signal,
      seal: (sha256) => this.#key.fingerprintOfHash(sha256),
      secret: (name, value) => this.#box.wrap(name, value),
      log: (text) => void this.logged.push(text),
      progress: async (json) => void this.told.push(json),
      reveal: <T>(secret: Secret<T>): T => {
        if (!(secret instanceof Secret) || !open.has(secret))
          throw new FettleError("SECRET_NOT_NAMED", `${address} does not name this secret`)
        return this.#box.value(secret) as T
      },
    }
  }
}
