import type { Write } from "../../provider.ts"

/** Begins every label of ours; a program cannot set one. */
export const OURS = "dev.fettle."
/** The token of the intent that made a thing: its owner mark. */
const TOKEN = "dev.fettle.token"
/** Program and stage, for people. */
const OWNER = "dev.fettle.owner"
const ADDRESS = "dev.fettle.address"
/** The same for all containers that stood one after the other at one address, and for no other: kept versions are found by it. */
export const LINE = "dev.fettle.line"
/** What a container was started with at first. */
export const STARTED_WITH = "dev.fettle.started-with"
/** What an image was built from. */
export const BUILT_FROM = "dev.fettle.image.built-from"
/** The local images that it was built from: pairs of tag and id. Always set, or it would be that of its base. */
export const BASES = "dev.fettle.image.bases"
/** Of an image. A container has the labels of its image: none of these may be one of those above. */
const IMAGE_OWNER = "dev.fettle.image.owner"
const IMAGE_ADDRESS = "dev.fettle.image.address"

export type Labels = Readonly<Record<string, string>>

/** The labels that mark what this intent makes. */
export function marksOf(call: Pick<Write<unknown>, "address" | "owner" | "intent">): Labels {
  const { address, owner, intent } = call
  return { [TOKEN]: intent.token, [ADDRESS]: address, ...(owner === undefined ? {} : { [OWNER]: owner }) }
}

/** Labels that say whose an image is, and not which intent made it: two builds of the same must give the same image. */
export function imageMarks({ address, owner }: Pick<Write<unknown>, "address" | "owner">): Labels {
  return { [IMAGE_ADDRESS]: address, ...(owner === undefined ? {} : { [IMAGE_OWNER]: owner }) }
}

/** The owner mark among the labels of a thing, as a part of what was seen. */
export function markIn(labels: Labels | null | undefined): { readonly mark?: string } {
  const mark = labels?.[TOKEN]
  return mark === undefined ? {} : { mark }
}

/** The program and stage that made a thing; undefined where it was not Fettle. */
export function ownerIn(labels: Labels): string | undefined {
  return labels[OWNER] ?? (labels[TOKEN] === undefined ? undefined : "?")
}

/** Whose a thing is, in words for an error. */
export function ownerWords(labels: Labels | null | undefined): string {
  const owner = labels?.[OWNER]
  return owner === undefined ? "which Fettle did not make" : `which belongs to ${owner}: ${labels?.[ADDRESS] ?? "?"}`
}

/** Labels without ours: what a program may have set. */
export function withoutOurs(labels: Labels | null | undefined): Labels {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([name]) => !name.startsWith(OURS)))
}

/** Whether a thing says that it belongs to the same program and stage. What runs of others say is theirs. */
export function isOwnedBy({ owner }: Pick<Write<unknown>, "owner">, labels: Labels): boolean {
  return owner !== undefined && labels[TOKEN] !== undefined && labels[OWNER] === owner
}

/** Whether an image says that the same program and stage built it. */
export function isImageOf({ owner }: Pick<Write<unknown>, "owner">, labels: Labels): boolean {
  return owner !== undefined && labels[IMAGE_OWNER] === owner
}

/** Whether a container has its marks from an image: a commit of one of ours hands them on. */
export function isInherited(labels: Labels, ofImage: Labels): boolean {
  return labels[TOKEN] !== undefined && labels[TOKEN] === ofImage[TOKEN]
}
