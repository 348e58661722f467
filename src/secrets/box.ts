import { randomBytes } from "node:crypto"
import { asFettleError, FettleError } from "../errors.ts"
import { isShort, MIN_CHARACTERS } from "./forms.ts"
import { type DataKey, readPrivate } from "./key.ts"
import { PENDING, Secret, userLine } from "./secret.ts"

/** Of what a failing command says, the end of so many characters is told. */
const WORDS_CHARACTERS = 600

/** What opening a secret may use; `cli` passes it in. */
export interface SecretAccess {
  readonly env: (name: string) => string | undefined
  /** Runs a command and gives its standard output; `hide` is for the output that its error shows. */
  readonly run: (command: readonly string[], hide: (text: string) => string) => Promise<string>
  /** Asks on the terminal; missing where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined
}

/** Hears every value that a run opens. `whole`: it was built around a secret, so ordinary text is in it, too. */
export type Register = (name: string, value: string, how: { readonly weak: boolean; readonly whole: boolean }) => void

/** Where values made once are kept. */
export interface RandomStore {
  get(name: string): string | undefined
}

/** Opens the secrets of one run, once each, and tells the redactor of every value. */
export class SecretBox {
  readonly #access: SecretAccess
  readonly #key: DataKey
  readonly #random: RandomStore
  readonly #register: Register
  readonly #hide: (text: string) => string
  readonly #locked: boolean
  readonly #hears: (name: string) => Promise<void> | undefined
  readonly #opening = new Map<Secret<unknown>, Promise<void>>()
  readonly #pending = new Map<string, { readonly secrets: Set<Secret<unknown>>; readonly bytes: number }>()
  /** What was read, by source: each is read once a run, however often the program is built. */
  readonly #sources = new Map<string, { readonly type: string; readonly value: Promise<string> }>()

  constructor(parts: {
    access: SecretAccess
    key: DataKey
    random: RandomStore
    register: Register
    /** Replaces the values that are known by now. */
    hide?: (text: string) => string
    /** Hears the name of a secret, and is waited for, before it is read. */
    hears?: (name: string) => Promise<void> | undefined
    /** Opens nothing: each secret is known by its name alone. */
    locked?: boolean
  }) {
    this.#access = parts.access
    this.#key = parts.key
    this.#random = parts.random
    this.#register = parts.register
    this.#hide = parts.hide ?? ((text) => text)
    this.#locked = parts.locked ?? false
    this.#hears = parts.hears ?? (() => undefined)
  }

  /** Opens a secret; afterwards it has a fingerprint. @throws FettleError `SECRET_MISSING`, `SECRET_WEAK`, `SECRET_EXPOSED` */
  open(secret: Secret<unknown>): Promise<void> {
    const known = this.#opening.get(secret)
    if (known !== undefined) return known
    const opening = this.#open(secret)
    this.#opening.set(secret, opening)
    return opening
  }

  /** Opens what can be opened without asking anybody, only so that it is hidden: where nothing needs it, it may be missing. */
  async openToHide(secrets: readonly Secret<unknown>[]): Promise<void> {
    const asks = (secret: Secret<unknown>): boolean => {
      const source = Secret.source(secret)
      return source.type === "prompt" || (source.type === "derived" && source.from.some(asks))
    }
    await Promise.allSettled(secrets.filter((each) => !asks(each)).map((secret) => this.open(secret)))
  }

  /** Asks the person at the terminal; undefined where nobody is there. What is typed is not shown. */
  get ask(): SecretAccess["ask"] {
    return this.#access.ask
  }

  /** A variable of the environment, as the caller of the run gave it. */
  env(name: string): string | undefined {
    return this.#access.env(name)
  }

  /** The value of a secret that this run has opened. */
  value(secret: Secret<unknown>): unknown {
    const opened = Secret.opened(secret)
    if (opened?.fingerprint.startsWith(PENDING) === true)
      throw new FettleError("SECRET_MISSING", `secret ${secret.name} has not been made yet`, {
        next: "fettle apply makes it",
      })
    if (opened === undefined || opened.value === undefined)
      throw new FettleError("INTERNAL", `secret ${secret.name} was not opened`)
    return opened.value
  }

  /** Names and sealed values of the random secrets that are still to be made; the caller writes them down first. */
  makePending(): readonly { readonly name: string; readonly sealed: string }[] {
    const made: { name: string; sealed: string }[] = []
    for (const [name, { bytes }] of this.#pending)
      made.push({ name, sealed: this.#key.seal(randomBytes(bytes).toString("base64url")) })
    return made
  }

  /** Forgets that values were pending: the store has them now, so they are opened anew. */
  async settlePending(): Promise<void> {
    this.#pending.clear()
    for (const [source, { type }] of this.#sources) if (type === "random") this.#sources.delete(source)
    const known = [...this.#opening.keys()].filter((secret) => Secret.opened(secret)?.fingerprint.startsWith(PENDING))
    for (const secret of known) this.#opening.delete(secret)
    await Promise.all(known.map((secret) => this.open(secret)))
  }

  /** A secret for a value that a far side returned. */
  wrap(name: string, value: string): Secret<string> {
    const secret = new Secret<string>(name, { type: "value", value }, { weak: true })
    this.#remember(secret, value)
    return secret
  }

  async #open(secret: Secret<unknown>): Promise<void> {
    const source = Secret.source(secret)
    if (source.type === "recorded") return
    if (this.#locked) return Secret.remember(secret, { value: undefined, fingerprint: PENDING + secret.name })
    if (source.type === "derived") return this.#derive(secret, source)
    if (source.type !== "value" && !this.#isToBeMade(secret)) await this.#hears(secret.name)
    if (source.type === "sealed") return this.#remember(secret, JSON.parse(this.#key.open(source.sealed)))
    if (source.type === "value") return this.#remember(secret, source.value)
    if (source.type === "random" && this.#isToBeMade(secret)) return this.#awaitRandom(secret, source.bytes)
    this.#remember(secret, await this.#fetch(secret, source))
  }

  #isToBeMade(secret: Secret<unknown>): boolean {
    return Secret.source(secret).type === "random" && this.#random.get(secret.name) === undefined
  }

  #awaitRandom(secret: Secret<unknown>, bytes: number): void {
    const known = this.#pending.get(secret.name)
    if (known !== undefined) known.secrets.add(secret)
    else this.#pending.set(secret.name, { secrets: new Set([secret]), bytes })
    Secret.remember(secret, { value: undefined, fingerprint: PENDING + secret.name })
  }

  async #derive(
    secret: Secret<unknown>,
    source: { readonly from: readonly Secret<unknown>[]; readonly derive: (values: readonly unknown[]) => unknown },
  ): Promise<void> {
    await Promise.all(source.from.map((each) => this.open(each)))
    const opened = source.from.map((each) => Secret.opened(each))
    if (opened.some((each) => each?.fingerprint.startsWith(PENDING)))
      return Secret.remember(secret, { value: undefined, fingerprint: PENDING + secret.name })
    this.#remember(
      secret,
      derived(secret, () => source.derive(opened.map((each) => each?.value))),
    )
  }

  #remember(secret: Secret<unknown>, value: unknown): void {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    const { type } = Secret.source(secret)
    refuseWeak(secret, type === "derived", text)
    // Nobody chose that what a far side returns is short: to hide "1" or "on" everywhere would spoil every text of the run.
    const hides = (type !== "value" && type !== "sealed") || !isShort(text)
    if (hides) this.#register(secret.name, text, { weak: secret.weak, whole: type === "derived" })
    Secret.remember(secret, { value, fingerprint: this.#key.fingerprint(text) })
  }

  #fetch(secret: Secret<unknown>, source: ReturnType<typeof Secret.source>): Promise<string> {
    // Two that are asked for in the same words are two all the same.
    const named = source.type === "random" || source.type === "prompt"
    const key = JSON.stringify([source, named ? secret.name : ""])
    const known = this.#sources.get(key)
    if (known !== undefined) return known.value
    const value = this.#read(secret, source)
    this.#sources.set(key, { type: source.type, value })
    return value
  }

  async #read(secret: Secret<unknown>, source: ReturnType<typeof Secret.source>): Promise<string> {
    if (source.type === "env") return this.#fromEnv(secret, source.variable)
    if (source.type === "file") return fromFile(secret, source.path)
    if (source.type === "command") return this.#fromCommand(secret, source.command)
    if (source.type === "prompt") return this.#fromPrompt(secret, source.question)
    if (source.type === "random") return this.#key.open(this.#random.get(secret.name) as string)
    throw new FettleError("INTERNAL", `secret ${secret.name} has no source to read`)
  }

  #fromEnv(secret: Secret<unknown>, variable: string): string {
    const value = this.#access.env(variable)
    if (value === undefined || value === "")
      throw new FettleError("SECRET_MISSING", `secret ${secret.name}: the environment has no ${variable}`, {
        next: `export ${variable}=…`,
      })
    return value
  }

  async #fromCommand(secret: Secret<unknown>, command: readonly string[]): Promise<string> {
    let printed: string
    try {
      printed = await this.#access.run(command, this.#hide)
    } catch (cause) {
      throw commandFailed(secret, command[0] ?? "", cause)
    }
    return present(secret, printed.replace(/\r?\n$/, ""), `the command ${command[0]} printed nothing`)
  }

  async #fromPrompt(secret: Secret<unknown>, question: string): Promise<string> {
    if (this.#access.ask === undefined)
      throw new FettleError("SECRET_MISSING", `secret ${secret.name} is asked for on a terminal, and there is none`, {
        next: "run fettle on a terminal, or let the program take it from elsewhere: secret.env, secret.file, secret.command",
      })
    const answer = await this.#access.ask(question)
    if (answer === "")
      throw new FettleError("SECRET_MISSING", `secret ${secret.name} was asked for, and nothing was typed`, {
        next: "run it again and type the secret",
      })
    return answer
  }
}

function fromFile(secret: Secret<unknown>, path: string): string {
  const text = readPrivate(path)
  if (text === undefined) throw new FettleError("SECRET_MISSING", `secret ${secret.name}: there is no file ${path}`)
  return present(secret, text.replace(/\r?\n$/, ""), `the file ${path} is empty`)
}

function present(secret: Secret<unknown>, value: string, otherwise: string): string {
  if (value === "") throw new FettleError("SECRET_MISSING", `secret ${secret.name}: ${otherwise}`)
  return value
}

/** Why the command failed, in its last words. What it printed before may be the secret: it is hidden in them, and not told. */
function commandFailed(secret: Secret<unknown>, file: string, thrown: unknown): FettleError {
  const { fact, details } = asFettleError(thrown, "COMMAND_FAILED")
  const printed = typeof details?.stdout === "string" ? details.stdout.trim() : ""
  const stderr = typeof details?.stderr === "string" ? details.stderr.trim() : ""
  const words = printed === "" ? stderr : stderr.replaceAll(printed, () => `[secret ${secret.name}]`)
  const end = words === "" ? "" : `: ${words.slice(-WORDS_CHARACTERS)}`
  const next = `run ${file} by hand, and see why it fails`
  return new FettleError("SECRET_MISSING", `secret ${secret.name}: the command failed: ${fact}${end}`, { next })
}

/** An error of the program's own function may quote the value, whole or cut: neither its message nor itself is told. */
function derived(secret: Secret<unknown>, derive: () => unknown): unknown {
  const failed = (fact: string, stack?: string): FettleError =>
    new FettleError("SECRET_DERIVE", `secret ${secret.name}: ${fact}`, { place: userLine(stack ?? "") })
  let value: unknown
  try {
    value = derive()
    if (JSON.stringify(value) !== undefined) return value
  } catch (thrown) {
    if (thrown instanceof FettleError && /^(SECRET|OUTPUT)_AS_STRING$/.test(thrown.code)) throw thrown
    const { message = "", stack = "" } = thrown instanceof Error ? thrown : {}
    throw failed("the function that makes something of it threw", stack.slice(stack.indexOf(message) + message.length))
  }
  throw failed(`the function that makes something of it gave ${value === undefined ? "nothing" : `a ${typeof value}`}`)
}

/** How a program names a secret whose value it does not choose. */
const SOURCE_CALLS: Readonly<Record<string, string | undefined>> = {
  env: "env",
  file: "file",
  command: "command",
  prompt: "prompt",
}

function refuseWeak(secret: Secret<unknown>, isDerived: boolean, text: string): void {
  if (secret.weak || (isDerived ? text.trim() === "" || !isShort(text) : text.length >= MIN_CHARACTERS)) return
  const what = isDerived ? `what the program makes of secret ${secret.name}` : `secret ${secret.name}`
  const own = SOURCE_CALLS[Secret.source(secret).type]
  throw new FettleError("SECRET_WEAK", `${what} has fewer than ${MIN_CHARACTERS} characters`, {
    ...(isDerived || own === undefined
      ? {}
      : {
          next: `use a longer one; where it must be so short, secret.${own}(…, { weak: true }) takes it, and whatever ordinary text holds it is hidden, too`,
        }),
  })
}
