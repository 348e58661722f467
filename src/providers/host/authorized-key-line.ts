import { createHash } from "node:crypto"
import { z } from "zod"

/** An option that sshd takes for a key: true where it stands alone; several values stand one behind the other. */
export type KeyOptions = Readonly<Record<string, string | true | readonly string[]>>

/** A public key as it stands in a file: its type, its base64, and its comment. */
export interface PublicKey {
  readonly type: string
  readonly blob: string
  readonly comment: string
}

/** Longest key line, in bytes: sshd reads no longer ones. */
const LINE_MAX = 8_000

const value = z.string().regex(/^[^\0\r\n]*$/, "a value is one line")

/** What stands before a key. */
export const keyOptions = z.record(
  z.string().regex(/^[a-zA-Z][a-zA-Z0-9-]*$/, "an option is letters, digits and -"),
  z.union([z.literal(true), value, z.array(value).min(1)]),
)

/** A public key as ssh-keygen writes it: `ssh-ed25519 AAAA… comment`. */
export const publicKey = z
  .string()
  .max(LINE_MAX)
  .transform((text) => text.trim())
  .superRefine((text, context) => {
    const wrong = whatIsWrong(text)
    if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong })
  })

function whatIsWrong(text: string): string | undefined {
  if (/[\0\r\n]/.test(text)) return "a public key is one line"
  if (/PRIVATE KEY/.test(text)) return "this is a private key: give the public one, from the file that ends in .pub"
  const { type, blob } = partsOf(text)
  if (!/^[a-z][a-zA-Z0-9@.-]*$/.test(type)) return "it does not begin with the type of a key, as in ssh-ed25519 AAAA…"
  if (!/^AAAA[A-Za-z0-9+/]+={0,2}$/.test(blob) || blob.length % 4 !== 0) return "its second word is no key in base64"
  const bytes = Buffer.from(blob, "base64")
  const told = bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString("latin1")
  return told === type ? undefined : "its first word is not the type that the key in it names"
}

/** A key taken apart; its comment may have spaces in it. */
export function partsOf(text: string): PublicKey {
  const [, type = "", blob = "", comment = ""] = /^(\S*)[ \t]*(\S*)[ \t]*(.*)$/.exec(text) ?? []
  return { type, blob, comment }
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf({ blob }: PublicKey): string {
  const hash = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64")
  return `SHA256:${hash.replace(/=+$/, "")}`
}

/** The line of a key with its options: a quote in a value is escaped as sshd reads it. */
export function lineOf({ type, blob, comment }: PublicKey, options: KeyOptions): string {
  const words = Object.entries(options).flatMap(([name, given]) =>
    (Array.isArray(given) ? (given as readonly string[]) : [given as string | true]).map((each) =>
      each === true ? name : `${name}="${each.replaceAll('"', '\\"')}"`,
    ),
  )
  const key = comment === "" ? `${type} ${blob}` : `${type} ${blob} ${comment}`
  return words.length === 0 ? key : `${words.join(",")} ${key}`
}
