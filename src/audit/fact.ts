/** Who does something, as the machine and CI say it: claimed, not proven. */
export interface Actor {
  /** user@host, with the person that CI names. */
  readonly who: string
  readonly host: string
  readonly pid: number
  /** The command, as in `state mv`. */
  readonly command: string
  /** What CI says of itself: its name, repository, commit, run. */
  readonly ci?: Readonly<Record<string, string>> | undefined
}

/** Who said yes to a plan, when, and how that is proven. */
export interface Approved {
  readonly name: string
  readonly at: string
  readonly by: "signature" | "link"
}

/** What is recorded. Plain data; names of secrets and never their values. */
export type Fact =
  /**
   * @property program hash of the files that the program was loaded from
   * @property asked what was said besides: which part of it, which parameters
   * @property forced what overrides a refusal
   */
  | {
      readonly type: "run.started"
      readonly program?: string | undefined
      readonly asked?: readonly string[]
      readonly forced?: readonly string[]
    }
  /** The lock was held by a run that was killed or cut off. */
  | {
      readonly type: "lock.overtaken"
      readonly from: { readonly who: string; readonly host: string; readonly command: string; readonly since: string }
    }
  | {
      readonly type: "plan.accepted"
      readonly plan: string
      /** How consent was given. */
      readonly consent: string
      readonly changes: Readonly<Record<string, number>>
      /** Of a saved plan. */
      readonly madeBy?: string
      readonly approvals?: readonly Approved[]
    }
  /** What stands behind connections, as it was seen. */
  | { readonly type: "targets.seen"; readonly targets: Readonly<Record<string, string>> }
  | { readonly type: "secrets.opened"; readonly names: readonly string[] }
  /** State was changed or shown by hand. */
  | { readonly type: "by.hand"; readonly what: string }
  | { readonly type: "exec.started"; readonly argv: readonly string[]; readonly hosts: readonly string[] }
  /** @property before hash of all entries before it, which are proven by another key */
  | { readonly type: "key.changed"; readonly from: string; readonly to: string; readonly before: string }
  /** A record was not as it should be and was set aside. */
  | { readonly type: "record.begun.anew"; readonly entries: number; readonly sha256: string; readonly because: string }
  | {
      readonly type: "run.ended"
      readonly outcome: string
      readonly exitCode: number
      readonly plan?: string | undefined
      readonly counts?: Readonly<Record<string, number>>
      readonly error?: string | undefined
    }

/** An entry as it is shown, filtered and sent. */
export type Recorded = {
  readonly serial: number
  readonly link: string
  /** By the clock of the machine. */
  readonly at: string
  /** One run, one id. */
  readonly run: string
  readonly fact: Fact
} & Actor

/** What an entry says, without its place in the chain. */
export type Said = Omit<Recorded, "serial" | "link">

/** Longest text of an entry: what comes from outside may be anything. */
const TEXT_MAX = 2_000
/** Most items of a list in one entry. */
const ITEMS_MAX = 50

/** Long lists in several facts: an entry stays so short that every sink takes it. */
export function inParts(fact: Fact): readonly Fact[] {
  if (fact.type === "secrets.opened") return chunks(fact.names).map((names) => ({ ...fact, names }))
  if (fact.type === "targets.seen")
    return chunks(Object.entries(fact.targets)).map((some) => ({ ...fact, targets: Object.fromEntries(some) }))
  if (fact.type === "exec.started") return chunks(fact.hosts).map((hosts) => ({ ...fact, hosts }))
  return [fact]
}

function chunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / ITEMS_MAX)
  return Array.from({ length: count }, (_, at) => items.slice(at * ITEMS_MAX, (at + 1) * ITEMS_MAX))
}

/** The same with every text cut to a length that fits, and clean of what the run knows to be secret. */
export function clean<T>(value: T, redact: (text: string) => string): T {
  return cleaned(value, redact) as T
}

function cleaned(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return short(redact(value))
  if (Array.isArray(value)) return value.map((each) => cleaned(each, redact))
  if (typeof value !== "object" || value === null) return value
  const pairs = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(pairs.map(([key, each]) => [short(redact(key)), cleaned(each, redact)]))
}

function short(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed() // half a pair would come back as another text
  return whole.length <= TEXT_MAX ? whole : `${whole.slice(0, TEXT_MAX).toWellFormed()}… (${whole.length} characters)`
}
