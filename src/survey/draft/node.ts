import type { Survey } from "../../events/survey.ts"
import type { Rows } from "../section.ts"
import type { Literal } from "./literal.ts"

/** What stands at a path: what `texts` of a session gives, in the words of props. */
export interface PathText {
  readonly type: "file" | "directory" | "link" | "other"
  readonly mode: string
  readonly owner: string
  readonly group: string
  readonly sizeBytes: number
  readonly to?: string | undefined
  /** Where it is UTF-8 and not too long. */
  readonly text?: string | undefined
}

/** One node of a drafted program. */
export interface DraftNode {
  /** As in "host.file": how the program calls it, too. */
  readonly kind: string
  /** What other nodes call it; unique in its program. */
  readonly id: string
  readonly props: Readonly<Record<string, Literal>>
  /** The ids of nodes of the same draft that come first. */
  readonly after?: string | readonly string[] | undefined
  /** A path that is this node's: no other draft writes it as a file or a link. */
  readonly covers?: string | undefined
  /** Stands behind it. */
  readonly note?: string | undefined
}

/** Why props are none of a kind; undefined where they are. */
export type Misfit = (props: Readonly<Record<string, unknown>>) => string | undefined

/** Something that was found and is not in the program. */
export interface LeftOut {
  readonly what: string
  readonly why: string
}

/** Drafts one sort of thing. To let a draft know a new kind, write one of these and name it in `DRAFTS`. */
export interface Draft {
  /** The kinds that its nodes have: it is left out where one of them is not there. */
  readonly kinds: readonly string[]
  /** The name of its function in the program. */
  readonly name: string
  /** What stands above that function. */
  readonly about: string
  /** POSIX sh that only looks, as of a section, for what the survey leaves out. */
  look?(survey: Survey): string
  /** Paths whose text it wants to see. */
  paths?(survey: Survey, told: Rows): readonly string[]
  draft(survey: Survey, at: (path: string) => PathText | undefined, told: Rows): Drafted
}

export interface Drafted {
  readonly nodes: readonly DraftNode[]
  readonly leftOut: readonly LeftOut[]
}
