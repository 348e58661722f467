import { createHash } from "node:crypto"
import { relative, resolve, sep } from "node:path"
import type { TaskProps } from "../program/task.ts"
import { canonical, sha256 } from "./canonical.ts"
import { filesNamed } from "./file-globs.ts"
import { ABSENT, type FileHasher } from "./hash-files.ts"

/** What is true now of a task's inputs and outputs. */
export interface Observed {
  readonly inputsHash: string
  /** Empty where the task declares no outputs. */
  readonly outputsHash: string
  /** Declared outputs that are not there. */
  readonly missing: readonly string[]
  readonly files: TaskFiles
}

/** Which file held what, briefly: so that the next plan can name the one that changed. */
export interface TaskFiles {
  readonly inputs: Readonly<Record<string, string>>
  readonly outputs: Readonly<Record<string, string>>
}

/** More files than this are not remembered by name: a row of state stays below some 8 KB. */
const NAMED_MAX = 120
/** Characters of a hash that stand for a file's content; equality is decided by the whole hash. */
const SHORT = 8

/**
 * Looks at everything a task declares: hashes of its inputs (command or function, values, environment, files) and of its
 * outputs. Declared outputs are never inputs.
 * @throws FettleError `READ_FAILED` where a file cannot be read, `PROPS_INVALID` where a value cannot be compared
 */
export async function observe(
  want: TaskProps,
  base: string,
  hasher: FileHasher,
  signal: AbortSignal,
): Promise<Observed> {
  const [made, named] = await Promise.all([
    filesNamed(want.outputs, base, signal),
    filesNamed(want.files, base, signal),
  ])
  const outputPaths = new Set(made.paths)
  const inputPaths = [...named.paths.filter((path) => !outputPaths.has(path)), ...literal(named.unmatched, base)]
  const [inputs, outputs] = await Promise.all([tokens(inputPaths, base, hasher), tokens(made.paths, base, hasher)])
  const missing = [...made.unmatched, ...outputs.filter(([, token]) => token === ABSENT).map(([name]) => name)]
  return {
    inputsHash: hashOf(valuesText(want), inputs),
    outputsHash: want.outputs.length === 0 ? "" : hashOf("", outputs),
    missing,
    files: { inputs: brief(inputs), outputs: brief(outputs) },
  }
}

/** The folder that a task's relative paths start from. */
export function baseOf(want: Pick<TaskProps, "cwd">, programFolder: string): string {
  return resolve(programFolder, want.cwd ?? ".")
}

/** Inputs named by path that are not there count as absent, so that their appearing is a change. */
function literal(unmatched: readonly string[], base: string): readonly string[] {
  return unmatched.map((name) => resolve(base, name))
}

type NamedToken = readonly [name: string, token: string]

async function tokens(paths: readonly string[], base: string, hasher: FileHasher): Promise<readonly NamedToken[]> {
  const all = await hasher.hash(paths)
  return paths.map((path, at) => [relative(base, path).split(sep).join("/"), all[at] as string] as const)
}

function hashOf(head: string, files: readonly NamedToken[]): string {
  const hash = createHash("sha256").update(head)
  for (const [name, token] of files) hash.update(`\n${JSON.stringify(name)} ${token}`)
  return hash.digest("hex")
}

/** All that decides a task's result besides files, as text. */
function valuesText(want: TaskProps): string {
  const { run, values, env, input, cwd, secrets } = want
  return canonical({ run, values, env, input, cwd, secrets })
}

function brief(files: readonly NamedToken[]): Record<string, string> {
  if (files.length > NAMED_MAX) return {}
  return Object.fromEntries(files.map(([name, token]) => [name, sha256(token).slice(0, SHORT)]))
}
