import { posix } from "node:path"
import type { Address } from "../program/address.ts"
import type { Work } from "./work.ts"

/** What starts a pattern in the outputs of a task. */
const MAGIC = /[*?[{]/

/**
 * The nodes that change and may write files of this machine, and which of them run before which node: a bit for each maker, so
 * that a node costs what it needs, however many come before it. Nodes are entered in their order, needs first.
 */
export class Makers {
  readonly #makers: { readonly address: Address; readonly paths: readonly string[] | undefined }[] = []
  readonly #before = new Map<Address, bigint>()

  /** Takes over the makers that run before what it needs. */
  enter({ address, declaration }: Work): void {
    let before = 0n
    for (const need of declaration?.needs ?? []) before |= this.#before.get(need) ?? 0n
    if (before !== 0n) this.#before.set(address, before)
  }

  /** A node that changes: from now on what needs it has it before itself, where it is a maker. */
  add({ address, provider, want }: Work): void {
    if (provider.makesHere === undefined) return
    const paths = want === undefined ? undefined : provider.makesHere(want)
    this.#before.set(address, (this.#before.get(address) ?? 0n) | (1n << BigInt(this.#makers.length)))
    this.#makers.push({ address, paths })
  }

  /** One that runs before this node and may make something that it reads. */
  of({ address }: Work, reads: readonly string[]): Address | undefined {
    const before = reads.length === 0 ? 0n : (this.#before.get(address) ?? 0n)
    if (before === 0n) return undefined
    const makes = (paths: readonly string[] | undefined): boolean =>
      paths === undefined || paths.some((path) => reads.some((read) => mayMeet(fixedPart(path), read)))
    return this.#makers.find(({ paths }, at) => (before >> BigInt(at)) % 2n === 1n && makes(paths))?.address
  }
}

/** The folder in which all that a pattern names lies; a path that is no pattern as it is. */
function fixedPart(path: string): string {
  const parts = path.split("/")
  const magic = parts.findIndex((part) => MAGIC.test(part))
  return magic === -1 ? path : parts.slice(0, magic).join("/") || (path.startsWith("/") ? "/" : ".")
}

/** Whether one may lie in the other. What starts in different folders may be the same: nothing here knows where those are. */
function mayMeet(one: string, other: string): boolean {
  if (posix.isAbsolute(one) !== posix.isAbsolute(other)) return true
  const [a, b] = [posix.normalize(`${one}/`), posix.normalize(`${other}/`)].map((path) => path.replace(/^\.\//, ""))
  if (a === undefined || b === undefined || a.startsWith("../") || b.startsWith("../")) return true
  return a.startsWith(b) || b.startsWith(a)
}
