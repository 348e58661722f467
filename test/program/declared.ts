import type { FettleError, Program } from "fettle"
import { type Graph, order } from "../../src/graph/graph.ts"
import type { Declaration } from "../../src/program/declaration.ts"
import { declare, paramsFor } from "../../src/program/program.ts"
import type { Scope } from "../../src/program/scope.ts"

/** What a program declares, on its default stage. */
export function scopeOf(program: Program, stage = "dev", given: Record<string, string | number | boolean> = {}): Scope {
  return declare(program, paramsFor(program, stage, given))
}

/** What a program declares, ordered. */
export function graphOf(program: Program): Graph {
  return order(scopeOf(program))
}

/** One declaration by its address. */
export function declared(program: Program, address: string): Declaration {
  const found = scopeOf(program).declarations.get(address as never)
  if (found === undefined) throw new Error(`${address} is not declared`)
  return found
}

/** The error that something throws, as its author wants to see it: code, words, place. */
export function thrownBy(work: () => unknown): {
  code: string
  fact: string
  place: string
  address?: string | undefined
} {
  try {
    work()
  } catch (thrown) {
    const { code, fact, place, address } = thrown as FettleError
    return { code, fact, place: String(place ?? ""), address }
  }
  throw new Error("nothing was thrown")
}

/** The line of the caller in its own file, as a stack of this run has it. */
export function lineHere(): string {
  return /([^/]+:\d+):\d+\)?$/.exec((new Error().stack ?? "").split("\n")[2] ?? "")?.[1] ?? ""
}
