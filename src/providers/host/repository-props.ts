import { z } from "zod"
import { keyRing } from "./openpgp.ts"

const word = z.string().regex(/^[^\s\p{C}]+$/u, "it is one word of printable characters")
const url = word.regex(/^[a-z][a-z0-9+.-]*:/, "it begins as a URL, with https: or file:")
const line = z.string().regex(/^[^\0\r\n]+$/, "a value is one line")

const aptSource = z.strictObject({
  types: z
    .array(z.enum(["deb", "deb-src"]))
    .min(1)
    .default(["deb"]),
  uris: z.array(url).min(1).describe("Where it is: https://…"),
  suites: z
    .array(word)
    .min(1)
    .describe('Its suites, as in ["stable"]; one that ends in / is a path without components.'),
  components: z.array(word).default([]).describe('As in ["main"].'),
  architectures: z.array(word).default([]).describe("Default: those of the host."),
  options: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z-]*$/, "a field is letters and -"), line)
    .default({})
    .describe('More fields of its stanza, as in { "Check-Valid-Until": "no" }.'),
})

const dnfSource = z
  .strictObject({
    baseurl: z.array(url).min(1).optional(),
    mirrorlist: url.optional(),
    metalink: url.optional(),
    options: z
      .record(z.string().regex(/^[a-z][a-z0-9_]*$/, "an option is letters, digits and _"), line)
      .default({})
      .describe('More lines of it, as in { module_hotfixes: "1" }.'),
  })
  .refine(
    (given) => [given.baseurl, given.mirrorlist, given.metalink].filter((each) => each !== undefined).length === 1,
    "give one of baseurl, mirrorlist and metalink",
  )

const apkSource = z.strictObject({
  urls: z.array(url).min(1),
  tag: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, "a tag is a word")
    .optional()
    .describe("Only packages that ask for @TAG come from it."),
})

const fingerprint = z
  .string()
  .transform((text) => text.replaceAll(/\s/g, "").toUpperCase())
  .pipe(
    z.string().regex(/^([0-9A-F]{40}|[0-9A-F]{64})$/, "a fingerprint has 40 hexadecimal digits; spaces do not count"),
  )

const key = z
  .strictObject({
    content: z
      .union([z.string(), z.instanceof(Uint8Array)])
      .optional()
      .describe("The public key: armored text, or bytes as gpg writes them. For apk the text of the RSA key."),
    source: z
      .string()
      .min(1)
      .optional()
      .describe("In place of content: a file of armored text on the machine where fettle runs."),
    fingerprints: z
      .array(fingerprint)
      .min(1)
      .optional()
      .describe(
        "Of the keys in it, as `gpg --show-keys` prints them: another key is refused before anything is sent. Not for apk.",
      ),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9@._-]*\.rsa\.pub$/, "apk finds a key by the name in its signatures, NAME.rsa.pub")
      .optional()
      .describe("For apk, and needed there: the file name that the signatures of the repository tell."),
  })
  .refine((given) => (given.content === undefined) !== (given.source === undefined), "give either content or source")

export const repositoryProps = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, "a name is letters, digits, _, . and -")
      .describe("Names its files, and the repository itself for dnf."),
    apt: aptSource.optional(),
    dnf: dnfSource.optional(),
    apk: apkSource.optional(),
    key: key
      .optional()
      .describe(
        "What its lists or packages are signed with. Default: apt uses the keys it trusts for all repositories; dnf checks nothing.",
      ),
    refresh: z
      .boolean()
      .default(true)
      .describe("Whether its package list is fetched when it has changed; where that fails, it has failed."),
    lockWaitMs: z
      .int()
      .min(0)
      .max(600_000)
      .default(120_000)
      .describe("How long to wait while somebody else works with packages. Two minutes where nothing is said."),
  })
  .superRefine((given, context) => {
    const ways = (["apt", "dnf", "apk"] as const).filter((name) => given[name] !== undefined)
    if (ways.length !== 1) context.addIssue({ code: "custom", message: "give one of apt, dnf and apk" })
    const issue = (message: string): void => context.addIssue({ code: "custom", path: ["key"], message })
    if (given.key === undefined) return
    if (given.apk === undefined) {
      const wrong = whatIsWrongWithKey(given.key.content, given.key.fingerprints)
      if (wrong !== undefined) issue(wrong)
      if (given.key.name !== undefined) issue("a name is only for apk")
    } else if (given.key.name === undefined || given.key.fingerprints !== undefined)
      issue("for apk a key has a name, and no fingerprints")
  })

/** Why these are not the keys that are wanted; nothing where there is no content yet. */
export function whatIsWrongWithKey(
  content: string | Uint8Array | undefined,
  fingerprints: readonly string[] | undefined,
): string | undefined {
  if (content === undefined) return undefined
  const found = keyRing(content)
  if ("wrong" in found) return found.wrong
  const stranger = found.fingerprints.find((each) => fingerprints?.includes(each) === false)
  if (stranger !== undefined) return `it holds the key ${stranger}, which is none of its fingerprints`
  const missing = fingerprints?.find((each) => !found.fingerprints.includes(each))
  return missing === undefined ? undefined : `it does not hold the key ${missing}`
}

export const repositoryOutputs = z.object({
  name: z.string(),
  /** SHA-256 as hex of the file that names it, and of its key: "" where there is none. */
  source: z.string(),
  key: z.string(),
})

export type RepositoryWant = z.output<typeof repositoryProps>
export type RepositoryOutputs = z.output<typeof repositoryOutputs>
