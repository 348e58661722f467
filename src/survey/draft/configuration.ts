import { posix } from "node:path"
import type { ConfigFile, Survey } from "../../events/survey.ts"
import { textHoldsSecret } from "../looks-secret.ts"
import type { Draft, Drafted, DraftNode, LeftOut, PathText } from "./node.ts"

/** Most files of one program, and most characters of one and of all: it is to be read by a person. */
const FILES_MAX = 500
const TEXT_MAX = 65_536
const TEXTS_MAX = 2_000_000

/** Owners that props can name. */
const ACCOUNT = /^[A-Za-z0-9_.@\\-]+\$?$/

/** Changed and unowned files below /etc, with the folders and links that belong to them. */
export const configuration: Draft = {
  kinds: ["host.directory", "host.file", "host.link"],
  name: "configuration",
  about: "Files below /etc that somebody changed, or that no package owns.",
  paths: (survey) => wanted(survey).map(({ path }) => path),
  draft: (survey, at) => {
    const nodes = new Map<string, DraftNode>()
    const leftOut: LeftOut[] = []
    const folders = new Map(
      (survey.config?.own ?? []).filter(({ type }) => type === "directory").map((each) => [each.path, each]),
    )
    let room = TEXTS_MAX
    for (const file of wanted(survey)) {
      if (file.type === "directory") continue
      const drafted = file.secret ? SECRET : nodeOf(file, at(file.path), room)
      if ("why" in drafted) leftOut.push({ what: file.path, why: drafted.why })
      else {
        room -= String(drafted.props.content ?? "").length
        const after = folderOf(file.path, folders, at, nodes)
        nodes.set(file.path, { ...drafted, after })
      }
    }
    for (const path of survey.config?.removed ?? [])
      leftOut.push({ what: path, why: "was removed; its package brought it" })
    const more = (survey.config?.own.length ?? 0) - wanted(survey).length
    if (more > 0) leftOut.push({ what: `${more} more files`, why: `are more than ${FILES_MAX}` })
    return { nodes: [...nodes.values()], leftOut } satisfies Drafted
  },
}

const SECRET = { why: "looks like a secret: give it as content: secret.file(…), secret.env(…) or source" } as const

/** Changed files come first where there are too many; in the order of their paths otherwise. */
function wanted({ config }: Survey): readonly ConfigFile[] {
  const own = config?.own ?? []
  if (own.length <= FILES_MAX) return own
  return [...own].sort((a, b) => (a.why === b.why ? 0 : a.why === "changed" ? -1 : 1)).slice(0, FILES_MAX)
}

function nodeOf(file: ConfigFile, at: PathText | undefined, room: number): DraftNode | { readonly why: string } {
  const { path, from } = file
  if (at === undefined || at.type !== file.type) return { why: "could not be read" }
  const note = file.why === "changed" ? `changed${from === undefined ? "" : `, of ${from}`}` : undefined
  return pathNode(path, at, room, note)
}

/** The file or link that stands at a path as a node, or why it cannot be one. */
export function pathNode(
  path: string,
  at: PathText,
  room = TEXTS_MAX,
  note?: string,
): DraftNode | { readonly why: string } {
  if (at.type === "link")
    return at.to === undefined
      ? { why: "could not be read" }
      : { kind: "host.link", id: path, props: { path, to: at.to }, note }
  if (at.sizeBytes > TEXT_MAX) return { why: `has ${at.sizeBytes} bytes; give it as source` }
  if (at.text === undefined) return { why: "is no UTF-8 text; give it as source" }
  if (textHoldsSecret(at.text)) return SECRET
  if (at.text.length > room) return { why: "all texts together would be too long; give it as source" }
  return { kind: "host.file", id: path, props: { path, content: at.text, mode: at.mode, ...ownerOf(at) }, note }
}

/** The nearest folder above that no package owns, with those above it; undefined where a package owns it. */
function folderOf(
  path: string,
  folders: ReadonlyMap<string, ConfigFile>,
  at: (path: string) => PathText | undefined,
  nodes: Map<string, DraftNode>,
): string | undefined {
  const folder = posix.dirname(path)
  const seen = folders.has(folder) ? at(folder) : undefined
  if (seen?.type !== "directory") return undefined
  if (!nodes.has(folder)) {
    const after = folderOf(folder, folders, at, nodes)
    nodes.set(folder, {
      kind: "host.directory",
      id: folder,
      props: { path: folder, mode: seen.mode, ...ownerOf(seen) },
      after,
    })
  }
  return folder
}

/** Owner and group, where props can name them. */
export function ownerOf({ owner, group }: PathText): Record<string, string> {
  return { ...(ACCOUNT.test(owner) ? { owner } : {}), ...(ACCOUNT.test(group) ? { group } : {}) }
}
