import { posix } from "node:path"
import { z } from "zod"

/** Longest path and longest name that Linux takes, in bytes. */
const PATH_MAX = 4_095
const NAME_MAX = 255

/** An absolute path in the one form that can be compared: no `..`, no doubled or trailing slash. */
export const hostPath = z
  .string()
  .superRefine((path, context) => {
    const wrong = whatIsWrong(path)
    if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong })
  })
  .describe("Absolute path on the host.")

function whatIsWrong(path: string): string | undefined {
  if (!path.startsWith("/")) return `${JSON.stringify(path)} is not an absolute path`
  if (path.includes("\0")) return "a path cannot hold a NUL"
  const normal = posix.normalize(path).replace(/(?<=.)\/$/, "")
  if (normal !== path) return `write it as ${JSON.stringify(normal)}`
  if (path === "/") return "the root folder cannot be managed"
  if (Buffer.byteLength(path) > PATH_MAX) return `a path has at most ${PATH_MAX} bytes`
  if (path.split("/").some((name) => Buffer.byteLength(name) > NAME_MAX)) return `a name has at most ${NAME_MAX} bytes`
  return undefined
}

/** Permission bits as chmod takes them, "644" or "0644"; always four digits afterwards. */
export const fileMode = z
  .string()
  .regex(/^[0-7]{3,4}$/, 'a mode is three or four octal digits, as in "0644"')
  .transform((mode) => mode.padStart(4, "0"))

/** A user or group: a name, or a number as text. */
export const account = z.string().regex(/^[A-Za-z0-9_.@\\-]+\$?$/, "a user or group is a name or a number")

/** What `stat` says of a number that the host has no name for: a small image has no /etc/group at all. */
const NAMELESS = "UNKNOWN"

/** Owner and group in the words in which they are wanted: a number is compared with a number, a name with a name. */
export function ownerAs(
  want: { readonly owner?: string | undefined; readonly group?: string | undefined } | undefined,
  at: { readonly uid: number; readonly gid: number; readonly owner: string; readonly group: string },
): { owner: string; group: string } {
  const isNumber = (name: string | undefined): boolean => name !== undefined && /^\d+$/.test(name)
  return {
    owner: isNumber(want?.owner) || at.owner === NAMELESS ? String(at.uid) : at.owner,
    group: isNumber(want?.group) || at.group === NAMELESS ? String(at.gid) : at.group,
  }
}
