import { isAbsolute } from "node:path"
import { pathToFileURL } from "node:url"
import { FettleError } from "../errors.ts"
import { pool } from "./cpu-pool.ts"

export interface CpuOptions {
  /** Aborting it ends the thread at once, also in the middle of a loop; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs an exported function of a module on a worker thread, so that work which needs the CPU scales with the cores and
 * leaves the main thread free. There are as many threads as cores; further calls wait in line.
 *
 * Arguments and result are copied (structured clone). What the function throws arrives with its name, code and causes.
 * A module is loaded once in each thread and stays.
 *
 * @param file the module as a URL, or as an absolute path
 * @throws FettleError `CPU_FAILED` where there is no such function, something cannot be copied, or the thread died
 * @example
 * const score = cpu<typeof import("./score.ts").score>(new URL("./score.ts", import.meta.url), "score")
 * const scores = await Promise.all(batches.map((batch) => score(batch)))
 */
export function cpu<F extends (...args: never[]) => unknown = (...args: unknown[]) => unknown>(
  file: URL | string,
  fn: string,
  options: CpuOptions = {},
): (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>> {
  const url = urlOf(file)
  return (...args) => pool.run({ file: url, fn, args }, options.signal) as Promise<Awaited<ReturnType<F>>>
}

function urlOf(file: URL | string): string {
  if (file instanceof URL || /^(file|data):/.test(file)) return String(file)
  if (isAbsolute(file)) return pathToFileURL(file).href
  throw new FettleError("CPU_FAILED", `cpu(…): ${file} is a relative path, and nothing says relative to what`, {
    next: `write new URL(${JSON.stringify(file)}, import.meta.url)`,
  })
}
