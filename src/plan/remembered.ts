import { FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import { isPlain } from "../program/output.ts"
import type { TaskProps } from "../program/task.ts"
import type { Change, Driver, Seen } from "../provider.ts"
import { encode } from "../state/encode.ts"
import { providerSays } from "./compare.ts"
import { Sessions } from "./sessions.ts"
import type { Work } from "./work.ts"

/** What a plan says that looks at state alone. */
type Remembered = Change<Record<string, unknown>> | { readonly action: "decide"; readonly because: string }

/** In the place of every connection: what state remembers is taken for what is there. Nothing is opened. */
export class RememberedSessions extends Sessions {
  override driver(): Promise<Driver> {
    return Promise.resolve(rememberedDriver)
  }
}

export const rememberedDriver: Driver = {
  identity: "",
  guards: false,
  read: async (items) => {
    const answer = ({ last }: (typeof items)[number]["key"]): Seen<unknown> =>
      last === undefined ? { absent: true } : { outputs: last.outputs }
    return new Map<Address, Seen<unknown>>(items.map(({ key }) => [key.address, answer(key)]))
  },
  change: async () => {
    throw new FettleError("INTERNAL", "a plan from memory was carried out")
  },
  close: async () => {},
}

/** Compares what is wanted with what was wanted when it was last made true: no secret is open, so that two are the same by their names. */
export function fromMemory(work: Work): Remembered {
  const { declaration, last, want } = work
  if (declaration?.type === "lookup") return { action: "decide", because: "it is looked up in the world" }
  if (last === undefined)
    return declaration?.type === "task" ? { action: "run", because: "it has not run yet" } : { action: "create" }
  const changed = changedProps(want, last.props)
  if (changed.length > 0) return declaration?.type === "release" ? atApply(changed) : saidOf(work, changed)
  const files = filesOf(work)
  if (files.length === 0) return { action: "none" }
  return { action: "decide", because: `apply compares what is in ${files.slice(0, 3).join(", ")}` }
}

function atApply(changed: readonly string[]): Remembered {
  return { action: "decide", because: `${changed.join(", ")} changed; it is judged during apply` }
}

/** As the kind says it, but for props that are as they were: a secret that is not open looks like another one. */
function saidOf(work: Work, changed: readonly string[]): Remembered {
  const because = `${changed.join(", ")} changed`
  if (work.declaration?.type === "task") return { action: "run", because }
  let said: Change<Record<string, unknown>>
  try {
    said = providerSays(work)
  } catch {
    return { action: "update", props: changed, because } // it wants to know more than state does
  }
  if (!("props" in said)) return said.action === "create" ? { action: "update", props: changed, because } : said
  const props = said.props.filter((each) => changed.includes(each))
  return props.length === said.props.length ? said : { ...said, props: props.length === 0 ? changed : props, because }
}

function changedProps(want: unknown, last: unknown): readonly string[] {
  if (!isPlain(want) || !isPlain(last)) return said(want) === said(last) ? [] : ["props"]
  const keys = new Set([...Object.keys(last), ...Object.keys(want)])
  return [...keys].filter((key) => said(want[key]) !== said(last[key]))
}

/** Secrets by their names. */
function said(value: unknown): string {
  return (encode(value) ?? "").replaceAll(/"fingerprint":"[^"]*"/g, '""')
}

/** Files that it is made from: their names are in its props, what they hold is not. */
function filesOf({ provider, want, declaration }: Work): readonly string[] {
  if (declaration?.type === "task") return (want as TaskProps).files ?? []
  return provider.readsHere?.(want) ?? []
}
