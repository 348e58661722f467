import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import { makeStateFolder } from "../folder.ts"
import type { Kept } from "./ledger.ts"
import { droppedLinks } from "./shared-store.ts"

type RolledBack = "STATE_ROLLED_BACK" | "AUDIT_ROLLED_BACK"

/** What was seen last. */
export interface Seen {
  readonly store: string
  readonly lineage: string
  readonly serial: number
  readonly link: string
}

/**
 * What this machine saw last of a shared state: who puts an old copy back has everything that the key can prove, but not this.
 * It lies in the folder of state, one file for each store.
 */
export class Witness {
  readonly #file: string
  readonly #folder: string
  readonly #store: string
  readonly #code: RolledBack

  constructor(folder: string, place: string, store: string, code: RolledBack = "STATE_ROLLED_BACK") {
    const mark = createHash("sha256").update(store).digest("hex").slice(0, 8)
    this.#folder = folder
    this.#file = join(folder, "seen", `${place}.${mark}.json`)
    this.#store = store
    this.#code = code
  }

  /**
   * What this machine saw last; undefined where it never saw anything. Looked at before the store is: another process of this machine may
   * write and remember in between.
   * @throws FettleError as `refuseOlder`
   */
  look(): Seen | undefined {
    return this.#read()
  }

  /** @param seen as `look` gave it before the store was read. @throws FettleError `STATE_ROLLED_BACK` */
  refuseOlder(kept: Kept | undefined, seen: Seen | undefined): void {
    if (seen === undefined) return
    const fact = older(seen, kept)
    if (fact === undefined) return
    throw new FettleError(this.#code, `${this.#store}: ${fact}`, {
      next: `find out who put it back; where it is meant, rm ${this.#file}`,
    })
  }

  /** Remembers what is there now; a disk that takes nothing costs this, and nothing else. */
  remember({ head: { lineage, serial, link } }: Pick<Kept, "head">): void {
    const seen: Seen = { store: this.#store, lineage, serial, link }
    try {
      makeStateFolder(this.#folder)
      mkdirSync(join(this.#folder, "seen"), { recursive: true, mode: 0o700 })
      writeFileSync(`${this.#file}.new`, JSON.stringify(seen), { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch {}
  }

  #read(): Seen | undefined {
    try {
      return JSON.parse(readFileSync(this.#file, "utf8")) as Seen
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
      const fact = `${this.#file} cannot be read: ${causeText(thrown)}`
      throw new FettleError(this.#code, fact, { next: `rm ${this.#file}, if what is in the store is right` })
    }
  }
}

/** Where so much has come since that nobody knows the link any more, only that it is later. */
function older(seen: Seen, kept: Kept | undefined): string | undefined {
  if (kept === undefined) return `there is nothing, and this machine has seen ${seen.serial} entries of it`
  const { head, entries } = kept
  if (head.lineage !== seen.lineage) return "what is there is another one than this machine has seen"
  if (head.serial < seen.serial)
    return `it ends with entry ${head.serial}, and this machine has seen entry ${seen.serial}`
  const there = entries.find(({ serial }) => serial === seen.serial)?.link
  const same = there ?? droppedLinks(entries).find(([serial]) => serial === seen.serial)?.[1]
  return same === undefined || same === seen.link
    ? undefined
    : `entry ${seen.serial} is another one than this machine has seen`
}
