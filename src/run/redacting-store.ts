import { redactAll } from "../events/events.ts"
import { isPlain } from "../program/output.ts"
import type { Json } from "../provider.ts"
import type { Batch, Store } from "../state/store.ts"

/** The same store, except that no text goes into it with a secret in the open, whoever let it out. */
export function redactingStore(store: Store, redact: (text: string) => string): Store {
  return {
    load: () => store.load(),
    runs: () => store.runs(),
    entries: (run) => store.entries(run),
    beginRun: (run) => store.beginRun({ ...run, who: redact(run.who) }),
    endRun: (run, outcome, endedAt) => store.endRun(run, outcome, endedAt),
    dump: () => store.dump(),
    replace: (whole, key) => store.replace(whole, key),
    leave: (movedTo) => store.leave(movedTo),
    close: () => store.close(),
    commit: (run, batch) => store.commit(run, redacted(batch, redact)),
  }
}

function redacted(batch: Batch, redact: (text: string) => string): Batch {
  const clean = <T extends object>(item: T, texts: readonly (keyof T)[], encoded: readonly (keyof T)[] = []): T => {
    const changed: Partial<T> = {}
    for (const key of [...texts, ...encoded]) {
      const text = item[key]
      if (typeof text !== "string") continue
      const hidden = redact(text)
      if (hidden !== text) changed[key] = (encoded.includes(key) ? redactEncoded(text, redact) : hidden) as T[keyof T]
    }
    return Object.keys(changed).length === 0 ? item : { ...item, ...changed }
  }
  return {
    ...batch,
    ...(batch.intents && { intents: batch.intents.map((each) => clean(each, ["id"], ["want"])) }),
    ...(batch.results && { results: batch.results.map((each) => clean(each, ["error"])) }),
    ...(batch.rows && { rows: batch.rows.map((each) => clean(each, ["id"], ["props", "outputs", "carry"])) }),
    ...(batch.progress && {
      progress: batch.progress.map((each) => ({ ...each, json: redactAll(each.json, redact) as Json })),
    }),
  }
}

/** Encoded data value by value: replacing in its text could cut an escape or a number in two, and state could not be read again. */
function redactEncoded(text: string, redact: (text: string) => string): string {
  const hide = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(hide)
    if (!isPlain(value)) return redactAll(value, redact)
    if (typeof value.$secret === "string") return value // its name, its fingerprint, and at most a sealed value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [redact(key), hide(each)]))
  }
  return JSON.stringify(hide(JSON.parse(text)))
}
