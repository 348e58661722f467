import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type RemovalParts,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { fingerprintOf, keyOptions, lineOf, partsOf, publicKey } from "./authorized-key-line.ts"
import { ENDS, editScript, editsText, type KeyEdit, readScript } from "./authorized-key-scripts.ts"
import { keysOf } from "./authorized-key-seen.ts"

const props = z
  .strictObject({
    user: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
      .describe("Whose key it is to be. Others than one's own need root."),
    key: publicKey.describe("The public key as ssh-keygen writes it, with its comment: `ssh-ed25519 AAAA… anna`."),
    options: keyOptions
      .default({})
      .describe(
        'What sshd lets it do, in this order: { restrict: true, command: "/srv/shop/deploy", from: "10.0.0.0/8" }; a list where an option stands several times.',
      ),
  })
  .superRefine((given, context) => {
    if (lineOf(partsOf(given.key), given.options).length > 8_000)
      context.addIssue({ code: "custom", path: ["options"], message: "sshd reads no line of more than 8,000 bytes" })
  })

const outputs = z.object({
  user: z.string(),
  /** As `ssh-keygen -l` prints it: SHA256:… */
  fingerprint: z.string(),
  /** As it stands in the file. */
  line: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A public key with which somebody may log in as a user: a line of ~/.ssh/authorized_keys, beside those of others. Folder and file
 * get modes that sshd accepts. Root works there as the user. A key that was there before is not removed.
 * @example resource(host.authorizedKey, { user: "deploy", key: "ssh-ed25519 AAAA… anna" }, { on: web })
 */
export const authorizedKey = hostKind({
  kind: "host.authorizedKey",
  version: 1,
  about: "A public key with which somebody may log in as a user, in ~/.ssh/authorized_keys.",
  props,
  outputs,
  asserts: true,
  stable: ["user", "fingerprint"],
  id: (want) => `${want.user}: ${fingerprintOf(partsOf(want.key))}`,
  predict: wanted,
  question: (key) => ({ shared: { script: readScript, words: [wantOf(key).user] } }),
  answer,
  plan,
  change: (parts) => changeKeys([parts]),
  exclusive: () => "authorized keys",
  together: ({ want }) => want.user,
  changeAll: changeKeys,
  removal: (seen, last) => removeKeys([{ seen, last }]),
  removedTogether: ({ last }) => last?.props.user,
  removalAll: removeKeys,
  result: (_, want) => wanted(want),
  failure: ({ exitCode }, want) => {
    const user = want?.user ?? "the user"
    if (exitCode === ENDS.notRoot)
      return new FettleError("HOST_NOT_ROOT", `only root, or ${user}, can change the keys of ${user} on the host`)
    if (exitCode === ENDS.noUser) return new FettleError("CHANGE_FAILED", `there is no user ${user} on the host`)
    if (exitCode === ENDS.noHome)
      return new FettleError("CHANGE_FAILED", `${user} has no home folder on the host`, {
        next: "make it: host.user with createHome, or host.directory",
      })
    return undefined
  },
})

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function wanted({ user, key, options }: Want): Outputs {
  const parts = partsOf(key)
  return { user, fingerprint: fingerprintOf(parts), line: lineOf(parts, options) }
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const { user, key: text } = wantOf(key)
  const users = keysOf(found.shared as ScriptRecord)
  if (users instanceof FettleError) return { failed: users }
  const at = users.get(user)
  if (at?.denied === true)
    return { failed: new FettleError("HOST_NOT_ROOT", `only root, or ${user}, can read the keys of ${user}`) }
  const parts = partsOf(text)
  const line = at?.lines.get(parts.blob)
  if (at === undefined || line === undefined) return { absent: true }
  return {
    outputs: { user, fingerprint: fingerprintOf(parts), line },
    ...(at.refused === undefined ? {} : { shown: { refused: at.refused } }),
  }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const { line } = wanted(want)
  if (!("outputs" in seen)) return { action: "create", text: `+${line}` }
  const refused = seen.shown?.refused
  const at = seen.outputs.line
  if (at === line)
    return typeof refused === "string"
      ? { action: "update", props: ["user"], because: `sshd ignores the file: ${refused}` }
      : { action: "none" }
  return {
    action: "update",
    props: at.endsWith(want.key) ? ["options"] : ["key", "options"],
    because: "it has other options, or another comment",
    text: `-${at}\n+${line}`,
  }
}

function changeKeys(all: readonly ChangeParts<Want, Outputs>[]): HostChange {
  const edits = all.map(({ want, seen }) => editOf(want, seen, wanted(want).line))
  return change((all[0] as ChangeParts<Want, Outputs>).want.user, edits)
}

function removeKeys(all: readonly RemovalParts<Want, Outputs>[]): HostChange {
  const there = all.flatMap(({ seen, last }) =>
    last === undefined || "absent" in seen ? [] : [{ seen, want: last.props, recorded: last.outputs.line }],
  )
  const [one] = there
  if (one === undefined) return {}
  const edits = there.map(({ seen, want, recorded }) => {
    const edit = editOf(want, seen, "")
    return edit.old === "" ? { ...edit, old: recorded } : edit
  })
  return change(one.want.user, edits)
}

function editOf({ key }: Want, seen: Seen<Outputs>, line: string): KeyEdit {
  return { blob: partsOf(key).blob, old: "outputs" in seen ? seen.outputs.line : "", line }
}

function change(user: string, edits: readonly KeyEdit[]): HostChange {
  return { script: editScript(user), slots: { edits: editsText(edits) } }
}
