// Tests with two reports, a gate on one of them, and a delivery that waits for both.
import { check, command, on, program, resource, task } from "fettle"
import * as host from "fettle/host"

export default program("price", { home: "/tmp/price", min: 90 }, ({ home, min }) => {
  const source = `${home}/source`
  const reports = `${home}/reports`
  const reporter = (name: string, to: string): string[] => [
    `--test-reporter=${name}`,
    `--test-reporter-destination=${to}`,
  ]
  const tests = task("tests", {
    run: [
      process.execPath,
      "--disable-warning=MaxListenersExceededWarning",
      "--test",
      "--experimental-test-coverage",
      "--test-coverage-exclude=*.test.mjs",
      ...reporter("spec", "stdout"),
      ...reporter("junit", `${reports}/junit.xml`),
      ...reporter("lcov", `${reports}/coverage.lcov`),
    ],
    cwd: source,
    files: [`${source}/*.mjs`],
    outputs: [`${reports}/junit.xml`, `${reports}/coverage.lcov`],
  })
  const gate = [process.execPath, "--disable-warning=ExperimentalWarning", `${import.meta.dirname}/gate.ts`]
  const covered = check("coverage", command.succeeds([...gate, `${reports}/coverage.lcov`, String(min)]), {
    after: [tests],
  })
  on(host.local(), () => {
    resource(host.file, "delivered", { path: `${home}/price.mjs`, source: `${source}/price.mjs` }, { after: [covered] })
  })
})
