import { writeSync } from "node:fs"
import type { Reporter, TestModule } from "vitest/node"

/** Prints `N passed, N failed` (`, N skipped` where there are any) as the very last line of the run, from its real results. */
export default class LastLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      count.failed += module.errors().length // a file that could not be loaded has no tests, and must not pass for that
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    count.failed += count.pending // begun, and never ended
    if (count.failed > 0 || count.passed === 0) process.exitCode = 1 // a run without tests proves nothing
    const line = `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`
    process.on("exit", () => writeSync(1, `${line}\n`)) // at exit, so that no other reporter prints after it
  }
}
