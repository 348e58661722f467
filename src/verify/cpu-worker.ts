import { parentPort } from "node:worker_threads"

/** One call: `file` is a URL, `fn` the name of a function that it exports. */
export interface Job {
  readonly file: string
  readonly fn: string
  readonly args: readonly unknown[]
  /** Says when the call begins: with the module loaded. */
  readonly tells?: boolean
}

export type Reply =
  | { readonly begun: true }
  | { readonly value: unknown }
  | { readonly thrown: Thrown }
  | { readonly unusable: string }

/** An error as data: structured clone alone would lose its class name, its code and its other fields. */
export interface Thrown {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: Thrown | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

/** Causes beyond this depth are cut: an error can be its own cause. */
const CAUSES_MAX = 5

parentPort?.on("message", async (job: Job) => {
  const reply = await work(job)
  try {
    parentPort?.postMessage(reply)
  } catch (error) {
    parentPort?.postMessage({
      unusable: `${job.fn} returned something that cannot be passed between threads: ${String(error)}`,
    })
  }
})

async function work({ file, fn, args, tells }: Job): Promise<Reply> {
  try {
    const module = (await import(file)) as Record<string, unknown>
    const call = module[fn]
    if (typeof call !== "function") return { unusable: `${file} exports no function ${fn}` }
    if (tells === true) parentPort?.postMessage({ begun: true } satisfies Reply)
    return { value: await call(...args) }
  } catch (error) {
    return { thrown: asThrown(error, CAUSES_MAX) }
  }
}

function asThrown(error: unknown, depth: number): Thrown {
  if (!(error instanceof Error))
    return { name: "", message: String(error), stack: undefined, cause: undefined, fields: {} }
  const { name, message, stack, cause } = error
  const plain = Object.entries(error).filter(([key, value]) => key !== "cause" && isPlainField(value))
  const inner = cause === undefined || depth === 0 ? undefined : asThrown(cause, depth - 1)
  return { name, message, stack, cause: inner, fields: Object.fromEntries(plain) }
}

function isPlainField(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value)
}
