import type { TestRun } from "../support/runs.ts"

/** What went wrong in a run, as "CODE: fact". */
export function failed(run: TestRun): readonly string[] {
  return [run.error, ...(run.applied?.outcomes ?? []).map(({ error }) => error)].flatMap((error) =>
    error === undefined ? [] : [`${error.code}: ${error.fact}`],
  )
}

/** The changes of a plan that are some, as "action address: reason". */
export function changes(run: TestRun): readonly string[] {
  return (run.plan?.changes ?? []).flatMap(({ action, address, because }) =>
    action === "none" ? [] : [`${action} ${address}: ${because}`],
  )
}
