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
    close: () => store.close(),
    commit: (run, batch) => store.commit(run, redacted(batch, redact)),
  }
}

function redacted(batch: Batch, redact: (text: string) => string): Batch {
  const clean = <T extends object>(item: T, keys: readonly (keyof T)[]): T => {
    let result = item
    for (const key of keys) {
      const text = item[key]
      if (typeof text !== "string") continue
      const hidden = redact(text)
      if (hidden !== text) result = { ...result, [key]: hidden }
    }
    return result
  }
  return {
    ...batch,
    ...(batch.intents && { intents: batch.intents.map((each) => clean(each, ["id", "want"])) }),
    ...(batch.results && { results: batch.results.map((each) => clean(each, ["error"])) }),
    ...(batch.rows && { rows: batch.rows.map((each) => clean(each, ["id", "props", "outputs", "carry"])) }),
    ...(batch.progress && {
      progress: batch.progress.map((each) => ({
        ...each,
        json: JSON.parse(redact(JSON.stringify(each.json))) as Json,
      })),
    }),
  }
}
