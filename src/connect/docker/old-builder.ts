import { createHash } from "node:crypto"
import { type BuildContext, contextTar, type MadeFile } from "./build-context.ts"
import type { BuildLog } from "./build-log.ts"

/** What the old builder is sent, and under which name it finds the Dockerfile there. */
export interface OldBuildUpload {
  readonly dockerfile: string
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * The context as the old builder takes it: one tar stream, the Dockerfile in it. A Dockerfile that lies elsewhere or is
 * left out by the ignore file travels under another name, and that name stands in the ignore file that is sent: the
 * Engine takes it away before the first COPY, so it is in no image.
 */
export function oldBuildUpload(context: BuildContext, signal: AbortSignal): OldBuildUpload {
  const { inside, bytes } = context.dockerfile
  if (inside !== undefined && !isIgnored(context, inside))
    return { dockerfile: inside, bytes: contextTar(context, { signal }) }
  const name = `.dockerfile.${createHash("sha256").update(bytes).digest("hex").slice(0, 20)}`
  const made: MadeFile[] = [
    { path: name, bytes },
    { path: ".dockerignore", bytes: Buffer.from(`${name}\n.dockerignore\n`) },
  ]
  return { dockerfile: name, bytes: contextTar(context, { made, signal }) }
}

function isIgnored({ ignore }: BuildContext, path: string): boolean {
  return ignore.rules.judge(path).ignored
}

/** Where the reading of an old build's lines stands. */
export class OldBuildReader {
  readonly #log: BuildLog
  #step: { readonly id: string; readonly name: string; state: "started" | "cached" } | undefined

  constructor(log: BuildLog) {
    this.#log = log
  }

  /** One `stream` text: the head of a step, what the builder notes of it, or what it writes. */
  read(text: string): void {
    const head = /^Step (\d+\/\d+) : (.*)\n?$/s.exec(text)
    if (head !== null) {
      this.end("done")
      this.#step = { id: head[1] as string, name: `[${head[1]}] ${(head[2] as string).trim()}`, state: "started" }
      this.#log.step(this.#step.id, this.#step.name, "started")
    } else if (this.#step !== undefined && /^ ---> Using cache\s*$/.test(text)) this.#step.state = "cached"
    else if (this.#step !== undefined && !NOTES.test(text)) {
      const isError = text.startsWith(RED) && text.endsWith(PLAIN)
      const plain = isError ? text.slice(RED.length, -PLAIN.length) : text
      this.#log.output(this.#step.id, Buffer.from(plain), isError ? "stderr" : "stdout")
    }
  }

  /** The last step ends so. */
  end(state: "done" | "failed"): void {
    if (this.#step === undefined) return
    const ended = state === "done" && this.#step.state === "cached" ? "cached" : state
    this.#log.step(this.#step.id, this.#step.name, ended)
    this.#step = undefined
  }
}

/** The builder marks what comes from standard error by its colour. */
const RED = "\u001b[91m"
const PLAIN = "\u001b[0m"

/** What the builder itself writes between the steps. */
const NOTES = /^( ---> |Removing intermediate container |Successfully (built|tagged) |\s*$)/
