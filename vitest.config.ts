import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { SlowFirst } from "./test/support/slow-first.ts"

const src = new URL("./src/", import.meta.url).pathname

export default defineConfig({
  resolve: {
    alias: [
      { find: /^fettle$/, replacement: `${src}index.ts` },
      { find: /^fettle\/provider$/, replacement: `${src}authors.ts` },
      { find: /^fettle\/(?!package\.json)(.+)$/, replacement: `${src}$1.ts` },
    ],
  },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/.fettle/**", "test/fixtures/**"],
    reporters: ["default", "./test/support/reporter.ts"],
    maxWorkers: Math.max(4, availableParallelism()), // most tests wait for other processes: with three, two cores idle for a third of the time
    sequence: { sequencer: SlowFirst },
    pool: "forks", // tests kill processes and change directories; threads would share both
    testTimeout: 20_000, // real services and child processes on a machine with two busy cores
    hookTimeout: 30_000,
    retry: 0, // a retry hides a flaky test
  },
})
