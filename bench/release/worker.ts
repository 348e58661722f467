import { parentPort } from "node:worker_threads"
import { type Cell, simulate } from "./simulate.ts"

parentPort?.on("message", ({ cell, runs, seed }: { cell: Cell; runs: number; seed: number }) =>
  parentPort?.postMessage(simulate(cell, runs, seed)),
)
