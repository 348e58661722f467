import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { text } from "node:stream/consumers"
import { z } from "zod"
import { asFettleError, FettleError } from "../../errors.ts"
import { ansibleWay } from "../../inventory/ansible-way.ts"
import type { AnyProvider } from "../../provider.ts"
import { exportedModule } from "../../providers/ansible/exported-module.ts"
import { escapeText } from "../../report/escape.ts"
import { builtInKind, builtInKinds } from "../../run/built-in.ts"
import { applySingle, type SingleResult } from "../../run/single.ts"
import type { Call } from "../call.ts"
import { say } from "../print.ts"

/** What only makes sense with what state remembers, or finds out and makes nothing. */
const NOT_EXPORTED = new Set(["host.facts", "host.process"])

/** Writes kinds as modules that playbooks call, beside a playbook. */
export async function exportKinds({ args, options, around }: Call): Promise<number> {
  const into = resolve(around.cwd, options.into ?? ".")
  for (const module of (await Promise.all(args.map(exportable))).map(exportedModule)) {
    for (const [path, content] of Object.entries(module.files)) {
      const file = join(into, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
      say(file)
    }
  }
  return 0
}

const asked = z.strictObject({
  kind: z.string(),
  props: z.record(z.string(), z.unknown()),
  check: z.boolean(),
  host: z.strictObject({ name: z.string(), vars: z.record(z.string(), z.unknown()), config: z.string().optional() }),
})

/** What an exported module calls: one resource as JSON on standard input, what came of it as JSON on standard output. */
export async function call({ around }: Call): Promise<number> {
  const answer = await answered(await text(process.stdin), around)
  process.stdout.write(`${JSON.stringify(answer)}\n`)
  return answer.failed === true ? 1 : 0
}

interface Answer {
  readonly changed: boolean
  readonly diff?: Readonly<Record<string, string>>
  readonly failed?: true
  readonly msg?: string
  readonly code?: string
}

async function answered(input: string, { env, cwd }: Call["around"]): Promise<Answer> {
  try {
    const { kind, props, check, host } = asked.parse(JSON.parse(input))
    const provider = await exportable(kind)
    const on = ansibleWay(host.name, host.vars).connect({
      name: host.name,
      ...(host.config !== undefined && { config: host.config }),
    })
    return answerOf(await applySingle({ provider, props, on, check, env, folder: cwd }))
  } catch (thrown) {
    return { changed: false, ...failureOf(asFettleError(thrown, "USAGE")) }
  }
}

function answerOf({ changed, before, after, text: lines, error }: SingleResult): Answer {
  if (error !== undefined) return { changed: false, ...failureOf(error) }
  if (!changed) return { changed }
  if (lines === undefined) return { changed, ...(before === after ? {} : { diff: { before, after } }) }
  return { changed, diff: { prepared: `${signed("-", before)}${signed("+", after)}${lines}` } }
}

/** Lines as those of a difference. */
function signed(sign: string, all: string): string {
  return all.replace(/^(?=.)/gm, sign)
}

function failureOf({ code, fact, next }: FettleError): Pick<Answer, "failed" | "msg" | "code"> {
  return { failed: true, code, msg: escapeText(next === undefined ? fact : `${fact} (${next})`) }
}

/** @throws FettleError `KIND_UNKNOWN` */
async function exportable(kind: string): Promise<AnyProvider> {
  const provider = NOT_EXPORTED.has(kind) || !kind.startsWith("host.") ? undefined : await builtInKind(kind)
  if (provider !== undefined) return provider
  const all = builtInKinds().filter((each) => each.startsWith("host.") && !NOT_EXPORTED.has(each))
  throw new FettleError("KIND_UNKNOWN", `${JSON.stringify(kind)} is no kind that playbooks can call`, {
    next: `there are ${all.join(", ")}`,
  })
}
