import { createHash } from "node:crypto"
import { posix } from "node:path"
import { z } from "zod"
import {
  type HostAnswer,
  type HostChange,
  type HostContent,
  type HostQuestion,
  hostKind,
} from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Json, Key, Last, Seen } from "../../provider.ts"
import { hasFingerprints } from "../../secrets/canonical.ts"
import { Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { account, fileMode, hostPath, ownerAs } from "./props.ts"
import { notOfType } from "./refused.ts"
import { renderTemplate, templateValues } from "./template.ts"

/** Longest text that is compared line by line in a plan, in bytes; longer ones by hash. */
const DIFF_MAX = 65_536
/** Begins every keyed fingerprint. */
const SEALED = "fp:"

const template = z.strictObject({
  text: z.string().optional().describe("The template itself."),
  path: z
    .string()
    .optional()
    .describe("A template on the machine where fettle runs, at most 64 KB; relative to where fettle was started."),
  values: templateValues.describe("What stands for each {{name}}."),
})

const input = z.strictObject({
  path: hostPath,
  content: z
    .union([z.string(), z.instanceof(Uint8Array), secretText])
    .optional()
    .describe("What it holds: text, bytes, or a secret."),
  template: template.optional().describe("A text with {{name}} in it, and the values."),
  source: z
    .string()
    .min(1)
    .optional()
    .describe("A file on the machine where fettle runs; relative to where fettle was started."),
  mode: fileMode.optional().describe('Permission bits. Default "0644"; "0600" where the content is a secret.'),
  owner: account.optional().describe("Default: whoever fettle works as; of a file that is there, its owner."),
  group: account.optional(),
})

const props = input
  .superRefine((given, context) => {
    const ways = (["content", "template", "source"] as const).filter((name) => given[name] !== undefined)
    if (ways.length > 1)
      context.addIssue({
        code: "custom",
        message: `give one of content, template and source, not ${ways.join(" and ")}`,
      })
    if (given.template === undefined) return
    if ((given.template.text === undefined) === (given.template.path === undefined))
      context.addIssue({ code: "custom", path: ["template"], message: "a template has either text or path" })
    if (
      given.template.path !== undefined &&
      Object.values(given.template.values).some((value) => value instanceof Secret)
    )
      context.addIssue({
        code: "custom",
        path: ["template"],
        message: "a template with secrets in its values must be given as text: reading may not open secrets",
      })
  })
  .transform(({ template: given, mode, ...rest }, context): Want => {
    if (given?.text === undefined) {
      const fromFile =
        given?.path === undefined ? {} : { template: { path: given.path, values: given.values as PlainValues } }
      return { ...rest, ...fromFile, mode: mode ?? defaultMode(rest.content) }
    }
    try {
      const content = renderTemplate(given.text, given.values)
      return { ...rest, content, mode: mode ?? defaultMode(content) }
    } catch (thrown) {
      context.addIssue({ code: "custom", path: ["template"], message: (thrown as Error).message })
      return z.NEVER
    }
  })

type PlainValues = Readonly<Record<string, string | number | boolean>>

/** Props as the kind works with them: a template given as text has become content. */
interface Want {
  readonly path: string
  readonly content?: string | Uint8Array | Secret<string> | undefined
  readonly template?: { readonly path: string; readonly values: PlainValues }
  readonly source?: string | undefined
  readonly mode: string
  readonly owner?: string | undefined
  readonly group?: string | undefined
}

function defaultMode(content: unknown): string {
  return content instanceof Secret ? "0600" : "0644"
}

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex; of a secret its keyed fingerprint. */
  hash: z.string(),
  sizeBytes: z.number(),
  mode: z.string(),
  owner: z.string(),
  group: z.string(),
})

type Outputs = z.output<typeof outputs>

/**
 * A file with this content, mode and owner. Replaced atomically: staged beside it, synced, renamed, read back. A link or a folder
 * at its path is refused. Without content, template or source only mode and owner are kept, and a missing file is made empty.
 * @example resource(host.file, "config", { path: "/srv/shop/config.json", content: json({ port }) }, { on: web })
 */
export const file = hostKind({
  kind: "host.file",
  version: 1,
  about: "A file with this content, mode and owner, replaced atomically; a template is one whose content is rendered.",
  props,
  outputs,
  stable: ["path"],
  id: (want) => want.path,
  readsHere: ({ source, template: given }) => [source ?? given?.path].filter((path) => path !== undefined),
  predict: (want, seen) => {
    const hash = hasFingerprints(want.content) ? (foundHash(seen) ?? wantedHash(want)) : undefined
    return { path: want.path, mode: want.mode, ...(hash === undefined ? {} : { hash }) }
  },
  writesAt: ({ id, want, last }) => {
    const path = want?.path ?? id ?? last?.outputs.path
    const keeps = want !== undefined && want.content === undefined && (want.source ?? want.template) === undefined
    return path === undefined || keeps ? [] : [posix.dirname(path)]
  },
  question,
  answer,
  plan,
  change: ({ want, seen }) => changeFile(want, seen),
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { removes: [{ path: at.path, expect: at.hash }] }
  },
  result: (outcome, want, seal) => {
    const at = outcome.path(want.path)
    const { sha256 = "", sizeBytes, mode } = at
    return {
      path: want.path,
      hash: want.content instanceof Secret ? seal(sha256) : sha256,
      sizeBytes,
      mode,
      ...ownerAs(want, at),
    }
  },
})

function question({ id, want, last }: Key<Want, Outputs>): HostQuestion {
  const path = want?.path ?? id ?? last?.outputs.path ?? ""
  const local = want?.source ?? want?.template?.path
  const text = want === undefined || mayBeSecret(want, last) ? undefined : textWanted(want)
  return {
    sha256: [path],
    ...(local === undefined ? {} : { local: [local] }),
    ...(text === undefined ? {} : { textUnless: { path, sha256: text, maxBytes: DIFF_MAX } }),
  }
}

type TextUnless = NonNullable<HostQuestion["textUnless"]>

/** The hash of the wanted text where a diff of it could be shown. */
function textWanted(want: Want): TextUnless["sha256"] | undefined {
  if (want.source !== undefined || want.template !== undefined)
    return (local) => {
      const wanted = localContent(want, { local })
      return wanted === undefined || "failed" in wanted ? undefined : wanted.wanted
    }
  return typeof want.content === "string" && Buffer.byteLength(want.content) <= DIFF_MAX ? wantedHash(want) : undefined
}

function answer(
  { id, want, last }: Key<Want, Outputs>,
  found: HostAnswer,
  seal: (sha256: string) => string,
): Seen<Outputs> {
  const path = want?.path ?? id ?? last?.outputs.path ?? ""
  const at = found.path(path)
  const local = localContent(want, found)
  if (local !== undefined && "failed" in local) return { failed: new FettleError("FILE_REFUSED", local.failed) }
  if (at === "absent") return local === undefined ? { absent: true } : { absent: true, shown: { wanted: local.wanted } }
  if ("failed" in at || at.type !== "file") return { failed: notOfType(path, at, "file") }
  const { sha256 = "", sizeBytes, mode } = at
  const hash = mayBeSecret(want, last) ? seal(sha256) : sha256
  const shown: Record<string, Json> = { ...local, ...(found.text === undefined ? {} : { content: found.text }) }
  return {
    outputs: { path, hash, sizeBytes, mode, ...ownerAs(want, at) },
    ...(Object.keys(shown).length === 0 ? {} : { shown }),
  }
}

/** A plain hash of what may be a secret must never stand in outputs. */
function mayBeSecret(want: Want | undefined, last: Last<Want, Outputs> | undefined): boolean {
  return (
    want?.content instanceof Secret ||
    last?.props.content instanceof Secret ||
    last?.outputs.hash.startsWith(SEALED) === true
  )
}

/** Hash, and text where there is one, of what a local source or template gives. */
function localContent(
  want: Want | undefined,
  found: Pick<HostAnswer, "local">,
): { wanted: string; wantedText?: string } | { failed: string } | undefined {
  const path = want?.source ?? want?.template?.path
  if (want === undefined || path === undefined) return undefined
  const local = found.local(path)
  if ("failed" in local) return { failed: `${path} cannot be read: ${local.failed}` }
  if (want.template === undefined)
    return { wanted: local.sha256, ...(local.text === undefined ? {} : { wantedText: local.text }) }
  if (local.text === undefined) return { failed: `the template ${path} is not UTF-8 text of at most 64 KB` }
  try {
    const text = renderTemplate(local.text, want.template.values) as string
    return { wanted: sha256Of(text), wantedText: text }
  } catch (thrown) {
    return { failed: `the template ${path}: ${(thrown as Error).message}` }
  }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at, shown } = seen
  const props: (keyof Want & string)[] = []
  const wanted = foundHash(seen) ?? wantedHash(want)
  if (wanted !== undefined && wanted !== at.hash)
    props.push(want.source !== undefined ? "source" : want.template !== undefined ? "template" : "content")
  if (want.mode !== at.mode) props.push("mode")
  for (const name of ["owner", "group"] as const)
    if (want[name] !== undefined && want[name] !== at[name]) props.push(name)
  if (props.length === 0) return { action: "none" }
  const text = props[0] === "mode" ? undefined : diffOf(want, shown)
  return { action: "update", props, because: because(want, at, props), ...(text === undefined ? {} : { text }) }
}

function diffOf(want: Want, shown: Readonly<Record<string, Json>> | undefined): string | undefined {
  const after = typeof shown?.wantedText === "string" ? shown.wantedText : want.content
  return typeof shown?.content === "string" && typeof after === "string" && Buffer.byteLength(after) <= DIFF_MAX
    ? textDiff(shown.content, after)
    : undefined
}

function because(want: Want, at: Outputs, props: readonly string[]): string {
  const words = props.map((name) =>
    name === "mode" || name === "owner" || name === "group"
      ? `${name} is ${at[name]}, wanted ${want[name]}`
      : "content differs",
  )
  return words.join("; ")
}

function changeFile(want: Want, seen: Seen<Outputs>): HostChange {
  if (!("outputs" in seen)) {
    const content = contentOf(want, seen) ?? ""
    return {
      puts: [{ path: want.path, content, mode: want.mode, owner: want.owner, group: want.group, expect: "absent" }],
    }
  }
  const { outputs: at } = seen
  const content = contentOf(want, seen)
  // What is not named stays as it is: the new file gets the owner of the old one.
  const [owner, group] = [want.owner ?? at.owner, want.group ?? at.group]
  if (content !== undefined)
    return { puts: [{ path: want.path, content, mode: want.mode, owner, group, expect: at.hash }] }
  const path = quote(want.path)
  return {
    puts: [],
    brief: true,
    script: `[ -f ${path} ] && [ ! -L ${path} ] || exit 10\nchown -h -- ${quote(`${owner}:${group}`)} ${path} && chmod -- ${want.mode} ${path}`,
  }
}

/** A source or template is bound to what the read found of it: that is what has been planned, and what others may have been told. */
function contentOf({ content, source, template: given }: Want, seen: Seen<Outputs>): HostContent | undefined {
  const found = foundHash(seen)
  const sha256 = found === undefined ? {} : { sha256: found }
  if (given !== undefined)
    return { local: given.path, render: (text) => renderTemplate(text, given.values) as string, ...sha256 }
  return source === undefined ? content : { local: source, ...sha256 }
}

/** The hash of what a source or template gives, where the read found it. */
function foundHash(seen: Seen<Outputs> | undefined): string | undefined {
  const wanted = seen !== undefined && "shown" in seen ? seen.shown?.wanted : undefined
  return typeof wanted === "string" ? wanted : undefined
}

/** Hashes of wanted contents: question, answer and plan ask for the same one. */
const hashes = new WeakMap<Want, string>()

/** The hash of the wanted content from props alone: the fingerprint of a secret, nothing where a local file decides. */
function wantedHash(want: Want): string | undefined {
  const { content } = want
  if (content === undefined) return undefined
  if (content instanceof Secret) return content.fingerprint
  const known = hashes.get(want)
  if (known !== undefined) return known
  const hash = sha256Of(content)
  hashes.set(want, hash)
  return hash
}

function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex")
}
