import { appendFileSync, existsSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { FettleError } from "../errors.ts"
import type { Subscriber } from "../events/events.ts"
import { githubReporter } from "../report/github.ts"
import { junitReporter } from "../report/junit.ts"
import { sarifReporter } from "../report/sarif.ts"
import type { Call } from "./call.ts"

export interface CiReporters {
  readonly subscribers: readonly Subscriber[]
  /** Call it when nothing more is printed. */
  close(): void
}

/** That a page has no place is told before the run, not at its end. @throws FettleError `USAGE` */
function refuseNowhere(file: string): void {
  if (!existsSync(dirname(file)))
    throw new FettleError("USAGE", `the report cannot be written to ${file}: there is no folder ${dirname(file)}`)
}

/** What is read besides the output: JUnit XML and an HTML report where asked for, annotations and a summary where GitHub runs it. */
export async function ciReporters({ options, around }: Call): Promise<CiReporters> {
  const { junit, report, sarif } = options
  const subscribers: Subscriber[] = []
  if (junit !== undefined) subscribers.push(junitReporter((xml) => writeFileSync(junit, xml), around.cwd))
  if (sarif !== undefined) {
    refuseNowhere(resolve(around.cwd, sarif))
    subscribers.push(sarifReporter((json) => writeFileSync(sarif, json), around.cwd))
  }
  if (report !== undefined) {
    refuseNowhere(resolve(around.cwd, report))
    const { htmlReporter } = await import("../report/run-page/reporter.ts")
    subscribers.push(htmlReporter((page) => writeFileSync(report, page), around.cwd))
  }
  if (around.env.GITHUB_ACTIONS !== "true" || options.json === true) return { subscribers, close: () => {} }
  const { GITHUB_STEP_SUMMARY: summary, GITHUB_WORKSPACE: root } = around.env
  const github = githubReporter({
    write: (text) => process.stdout.write(text),
    summary: summary === undefined ? undefined : (markdown) => appendFileSync(summary, markdown),
    root,
  })
  return { subscribers: [...subscribers, github.subscriber], close: () => github.close() }
}
