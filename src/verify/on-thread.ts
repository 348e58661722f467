import { availableParallelism } from "node:os"
import type { Question } from "./answer.ts"
import { CpuPool } from "./cpu-pool.ts"

/** Threads of their own: a question must not wait behind log scans and a user's `cpu(…)`, which take as long as they take. */
const questions = new CpuPool(availableParallelism())

/**
 * Puts a part of a question on a worker thread. Its clock stands still while it waits for one: that says nothing of a target.
 * @param ours what is done there, where it is our own work: should the time end in it, that is no evidence either
 */
export function onThread<F extends (...args: never[]) => unknown>(
  file: URL,
  fn: string,
  question: Question,
  ours?: string,
): (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>> {
  return (...args) => {
    question.waits("waiting for a free thread of ours")
    const begun = (): void => question.goesOn(ours)
    const done = questions.run({ file: file.href, fn, args, tells: true }, question.signal, begun)
    return done as Promise<Awaited<ReturnType<F>>>
  }
}
