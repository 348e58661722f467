import { randomUUID } from "node:crypto"
import { asFettleError, FettleError } from "../errors.ts"
import type { AuditSink } from "../program/audit-sinks.ts"
import type { DataKey } from "../secrets/key.ts"
import type { Secret } from "../secrets/secret.ts"
import type { StateHome } from "../state/home.ts"
import { AuditChain } from "./chain.ts"
import { deliver, type Undelivered } from "./deliver.ts"
import { type Actor, clean, type Fact, inParts, type Said } from "./fact.ts"
import { sinksFrom } from "./sinks/made.ts"
import type { Sink } from "./sinks/sink.ts"

/** Whose record it is, who does something, and where it goes besides. */
export interface Account {
  readonly home: Pick<StateHome, "record">
  readonly key: DataKey
  readonly actor: Actor
  /** Default: a new one. */
  readonly run?: string
  readonly sinks: readonly AuditSink[]
  /** Folder of the program, and the environment of commands. */
  readonly folder: string
  readonly base: Readonly<Record<string, string | undefined>>
  readonly reveal: (secret: Secret<string>) => Promise<string>
  readonly redact?: (text: string) => string
  /** Hears of a sink that lacks something. */
  readonly warn: (text: string) => void
}

/** What one command leaves in the record. Each fact is synced before what it is about takes place. */
export class Trail {
  readonly #account: Account
  readonly #chain: AuditChain
  readonly #sinks: readonly Sink[]
  readonly #run: string
  readonly #heard = new Set<string>()
  #waiting: string[] = []
  #writing: Promise<void> | undefined
  #isAccepted = false

  constructor(account: Account) {
    this.#account = account
    this.#run = account.run ?? randomUUID()
    this.#sinks = sinksFrom(account.sinks, account)
    this.#chain = new AuditChain(account.home.record, account.key)
  }

  /** Writes facts in one transaction. @throws FettleError those of the store: then nothing may be done */
  async note(...facts: readonly Fact[]): Promise<void> {
    const all = facts.flatMap(inParts)
    if (all.length > 0) await this.#chain.append(all.map((fact) => this.said(fact)))
  }

  /** As it stands in an entry. */
  said(fact: Fact): Said {
    const { actor, redact = (text) => text } = this.#account
    const { who, host, pid, command, ci } = actor
    const said = { at: new Date().toISOString(), run: this.#run, who, host, pid, command, ...(ci && { ci }), fact }
    return clean(said, redact)
  }

  /** Goes on with another data key. */
  changeKey(next: DataKey, from: string): Promise<void> {
    return this.#chain.changeKey(next, (before) => this.said({ type: "key.changed", from, to: next.id, before }))
  }

  /** The chain that it writes into. */
  get chain(): AuditChain {
    return this.#chain
  }

  /**
   * A secret is about to be opened. What a plan opens is written with the consent to it, or with the end; what is opened later,
   * before it is.
   */
  async secretOpened(name: string): Promise<void> {
    if (this.#heard.has(name)) return this.#writing
    this.#heard.add(name)
    this.#waiting.push(name)
    if (!this.#isAccepted) return
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#writing = undefined
      return this.note(this.#secrets())
    })
    return this.#writing
  }

  /** Somebody said yes: nothing is changed before this is written, and required sinks have it. */
  async accepted(...facts: readonly Fact[]): Promise<void> {
    await this.note(this.#secrets(), ...facts)
    this.#isAccepted = true
    await this.ready()
  }

  /** Gives required sinks what they lack. @throws FettleError `AUDIT_SINK` */
  async ready(): Promise<void> {
    const required = this.#sinks.filter((sink) => sink.required)
    await prepared(required)
    const [first] = await deliver(this.#chain, required, this.#account.home.record.place)
    if (first === undefined) return
    throw new FettleError("AUDIT_SINK", `the sink ${first.sink.id} is required, and ${wordsOf(first)}`)
  }

  /** Writes the end, and gives all sinks what they lack: one that does not take it costs a warning. */
  async end(fact: Extract<Fact, { type: "run.ended" }>): Promise<void> {
    try {
      await prepared(this.#sinks)
      await this.note(this.#secrets(), fact)
      await this.send()
    } finally {
      await this.#chain.close()
    }
  }

  close(): Promise<void> {
    return this.#chain.close()
  }

  /** Gives all sinks what they lack. */
  async send(): Promise<readonly Undelivered[]> {
    const left = await this.#delivered()
    for (const each of left)
      this.#account.warn(`the sink ${each.sink.id} of the audit ${wordsOf(each)}; the next run sends it`)
    return left
  }

  async #delivered(): Promise<readonly Undelivered[]> {
    try {
      await prepared(this.#sinks)
      return await deliver(this.#chain, this.#sinks, this.#account.home.record.place)
    } catch (thrown) {
      this.#account.warn(`the audit could not be sent: ${asFettleError(thrown, "INTERNAL").fact}`)
      return []
    }
  }

  #secrets(): Fact {
    const names = this.#waiting
    this.#waiting = []
    return { type: "secrets.opened", names }
  }
}

/** What one cannot open, it says when it is sent to. */
async function prepared(sinks: readonly Sink[]): Promise<void> {
  await Promise.allSettled(sinks.map((sink) => sink.prepare?.()))
}

function wordsOf({ because, lacks }: Undelivered): string {
  return `did not take ${lacks === 1 ? "the entry that it lacks" : `the ${lacks} entries that it lacks`}: ${because}`
}
