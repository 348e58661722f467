import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeStateFolder } from "../folder.ts"
import type { SharedHolder } from "./ledger.ts"

/**
 * A note beside the program that its run holds the lock of a shared store. What a store says of processes is not believed: only a run
 * that left its note here is one that may be told to stop from here.
 */
export class HolderNote {
  readonly #folder: string
  readonly #file: string

  constructor(folder: string, place: string) {
    this.#folder = folder
    this.#file = join(folder, "seen", `${place}.holder`)
  }

  /** @returns removes it again */
  write({ nonce }: SharedHolder): () => void {
    try {
      makeStateFolder(this.#folder)
      mkdirSync(join(this.#folder, "seen"), { recursive: true, mode: 0o700 })
      writeFileSync(this.#file, nonce, { mode: 0o600 })
    } catch {} // it cannot be told to stop by another command then
    return () => {
      if (this.read() === nonce) rmSync(this.#file, { force: true })
    }
  }

  /** The mark of the run that left it; undefined where none did. */
  read(): string | undefined {
    try {
      return readFileSync(this.#file, "utf8")
    } catch {
      return undefined
    }
  }
}
