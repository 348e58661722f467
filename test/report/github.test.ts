import { expect, test } from "vitest"
import { type GithubOptions, githubReporter } from "../../src/report/github.ts"
import { events, MIXED, type Step } from "./build.ts"

function reported(steps: readonly Step[], more: Partial<GithubOptions> = {}): { commands: string; summary: string } {
  let commands = ""
  let summary = ""
  const reporter = githubReporter({
    write: (text) => (commands += text),
    summary: (text) => (summary += text),
    root: "/home/ann/shop",
    token: "fettle-token",
    ...more,
  })
  for (const event of events(steps)) reporter.subscriber(event)
  reporter.close()
  reporter.close()
  return { commands, summary }
}

test("errors and failed checks become annotations of the program's lines", () => {
  expect(reported(MIXED).commands).toMatchInlineSnapshot(`
    "::stop-commands::fettle-token
    ::fettle-token::
    ::error file=fettle.ts,line=21,title=task[build]%3A TASK_FAILED::tsc ended with exit code 2%0Anext: fettle logs 7c9e6679 'task[build]' shows all it wrote
    ::error file=fettle.ts,line=30,title=check[rows]%3A CHECK_NO::0 rows, wanted at least 1%0Anext: read its evidence; what depends on it was not changed
    ::stop-commands::fettle-token
    ::fettle-token::
    "
  `)
})

test("the summary of the step is a table", () => {
  expect(reported(MIXED).summary).toMatchInlineSnapshot(`
    "### shop · prod · apply: failed · 5.6s

    Planned: 2 to create, 1 to update, 1 to run, 2 checks.

    | | address | what | next |
    |---|---|---|---|
    | × | <code>task&#91;build&#93;</code> | TASK&#95;FAILED&#58; tsc ended with exit code 2 | fettle logs 7c9e6679 &#39;task&#91;build&#93;&#39; shows all it wrote |
    | ✗ | <code>check&#91;rows&#93;</code> | no&#58; 0 rows, wanted at least 1 &#40;9ms&#41; |  |
    | ✓ | <code>check&#91;answers&#93;</code> | yes&#58; 200 in 41 ms &#40;1.1s&#41; |  |

    "
  `)
})

test("a place outside of the checkout is no file of the annotation", () => {
  expect(reported(MIXED, { root: "/somewhere/else" }).commands).not.toContain("file=")
})

test("what waits for another's error is not annotated; an unanswered check is a warning", () => {
  const error = { code: "FOREIGN", fact: "it is there", next: "adopt it", address: "host.file[a]" }
  const steps: readonly Step[] = [
    { type: "node.finished", address: "host.file[a]", action: "blocked", outcome: "failed", durationMs: 0, error },
    { type: "node.finished", address: "host.file[b]", action: "blocked", outcome: "failed", durationMs: 0, error },
    {
      type: "node.finished",
      address: "host.file[c]",
      action: "create",
      outcome: "skipped",
      durationMs: 0,
      error: { code: "CHANGE_FAILED", fact: "waits for host.file[b]", next: "" },
    },
    { type: "check.finished", address: "check[d]", verdict: "inconclusive", evidence: "no answer", durationMs: 5 },
    {
      type: "node.finished",
      address: "check[d]",
      action: "check",
      outcome: "failed",
      durationMs: 5,
      error: { code: "CHECK_INCONCLUSIVE", fact: "no answer", next: "read it", address: "check[d]" },
    },
  ]
  expect(reported(steps).commands).toMatchInlineSnapshot(`
    "::stop-commands::fettle-token
    ::fettle-token::
    ::error title=host.file[a]%3A FOREIGN::it is there%0Anext: adopt it
    ::warning title=check[d]%3A CHECK_INCONCLUSIVE::no answer%0Anext: read it
    "
  `)
})

test("no more annotations than GitHub shows; the last counts the others", () => {
  const steps = Array.from({ length: 30 }, (_, index): Step => {
    const address = `host.file[${index}]`
    return {
      type: "node.finished",
      address,
      action: "create",
      outcome: "failed",
      durationMs: 1,
      error: { code: "FILE_REFUSED", fact: `100 % full, ${index}`, next: "make room", address },
    }
  })
  const lines = reported(steps)
    .commands.split("\n")
    .filter((line) => line.startsWith("::error"))
  expect(lines.length).toBe(10)
  expect(lines[0]).toBe("::error title=host.file[0]%3A FILE_REFUSED::100 %25 full, 0%0Anext: make room")
  expect(lines[9]).toBe("::error title=Fettle::21 more errors: see the log and the summary of this step")
})

test("without a token of its own it uses one that nobody can guess", () => {
  const tokens = [1, 2].map(() => /^::stop-commands::(.+)$/m.exec(reported(MIXED, { token: undefined }).commands)?.[1])
  expect(tokens[0]).toMatch(/^fettle-[0-9a-f]{32}$/)
  expect(tokens[0]).not.toBe(tokens[1])
})
