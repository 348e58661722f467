import type { PathSeen } from "../../connect/host/look.ts"
import { FettleError } from "../../errors.ts"

const WORDS = { file: "a file", directory: "a directory", link: "a symbolic link", other: "a special file" } as const

/** Why a path is not what a kind looks for: it may not be looked at, or it is something else, which is never replaced. */
export function notOfType(path: string, at: Exclude<PathSeen, "absent">, wanted: keyof typeof WORDS): FettleError {
  if ("failed" in at) return new FettleError("READ_FAILED", `${path} cannot be read: ${at.failed}`)
  const found = at.type === "link" ? `${WORDS.link} to ${at.to ?? "somewhere"}` : WORDS[at.type]
  return new FettleError("FILE_REFUSED", `${path} is ${found}, not ${WORDS[wanted]}`, {
    next: "remove it by hand, or choose another path",
  })
}
