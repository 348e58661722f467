import { StringDecoder } from "node:string_decoder"
import { createRedactor, type Redactor, type RedactorStream } from "../../secrets/redactor.ts"

/** What a build tells while it goes on. Its texts come from outside. */
export type BuildEvent =
  | {
      readonly type: "step"
      /** The same for all that is told of a step. */
      readonly step: string
      /** As the Engine names it: "[2/3] RUN make", or the instruction. */
      readonly name: string
      readonly state: "started" | "cached" | "done" | "failed"
    }
  | {
      readonly type: "output"
      readonly step: string
      readonly name: string
      /** One line, without its end. */
      readonly text: string
      readonly stream: "stdout" | "stderr"
    }

/** Where a build is. */
export interface BuildPlace {
  readonly step: string | undefined
  /** True where the Engine says that this step failed. */
  readonly failed: boolean
  /** The end of what it wrote. */
  readonly tail: string
}

export type BuildSecrets = Readonly<Record<string, string | Uint8Array>>

/** Of a step's output the end is kept, for when it fails. */
const TAIL_LINES = 50
/** What is longer is cut: a line for people has some hundred. */
const LINE_CHARACTERS = 4_000
const NAME_CHARACTERS = 400

interface Step {
  readonly name: string
  state: "known" | "started" | "cached" | "done" | "failed"
  readonly tail: string[]
  readonly outputs: Map<string, Output>
}

interface Output {
  readonly redacted: RedactorStream
  readonly decoder: StringDecoder
  rest: string
}

/** The steps of one build and the end of what each wrote; no secret of the build is in it. */
export class BuildLog {
  readonly #steps = new Map<string, Step>()
  readonly #redactor: Redactor
  readonly #hide: (text: string) => string
  readonly #tell: (event: BuildEvent) => void
  #last: string | undefined
  #failed: string | undefined

  constructor(parts: {
    readonly secrets: BuildSecrets
    readonly hide: (text: string) => string
    readonly tell?: ((event: BuildEvent) => void) | undefined
  }) {
    const entries = Object.entries(parts.secrets).filter(([, value]) => value.length > 0)
    this.#redactor = createRedactor(entries.map(([name, value]) => ({ name, value, weak: true })))
    this.#hide = parts.hide
    this.#tell = parts.tell ?? (() => {})
  }

  /** What a step is called and how far it is; told where it is new. */
  step(id: string, name: string, state: Step["state"]): void {
    const step = this.#step(id, name)
    if (step.state === state || state === "known") return
    if (step.state !== "started" && state !== "started") this.#tellStep(id, step, "started")
    if (state === "started") this.#last = id
    else this.#flush(id, step)
    if (state === "failed") this.#failed = id
    step.state = state
    this.#tellStep(id, step, state)
  }

  output(id: string, bytes: Uint8Array, stream: "stdout" | "stderr"): void {
    const step = this.#step(id, id)
    let output = step.outputs.get(stream)
    if (output === undefined) {
      output = { redacted: this.#redactor.stream(), decoder: new StringDecoder("utf8"), rest: "" }
      step.outputs.set(stream, output)
    }
    this.#lines(id, step, stream, output, output.decoder.write(Buffer.from(output.redacted.write(bytes))))
  }

  /** Text of the Engine without what is secret. */
  clean(text: string): string {
    return this.#redactor.redactText(this.#hide(text))
  }

  /** The step that failed, or was under way; and the end of what it wrote. */
  place(): BuildPlace {
    const id = this.#failed ?? this.#last
    const step = id === undefined ? undefined : this.#steps.get(id)
    if (id === undefined || step === undefined) return { step: undefined, failed: false, tail: "" }
    this.#flush(id, step)
    return { step: step.name, failed: id === this.#failed, tail: step.tail.join("\n") }
  }

  #step(id: string, name: string): Step {
    const known = this.#steps.get(id)
    if (known !== undefined) return known
    const step: Step = {
      name: this.clean(name).slice(0, NAME_CHARACTERS),
      state: "known",
      tail: [],
      outputs: new Map(),
    }
    this.#steps.set(id, step)
    return step
  }

  #tellStep(id: string, { name }: Step, state: "started" | "cached" | "done" | "failed"): void {
    this.#tell({ type: "step", step: id, name, state })
  }

  #lines(id: string, step: Step, stream: "stdout" | "stderr", output: Output, text: string): void {
    const lines = (output.rest + text).split("\n")
    output.rest = lines.pop() ?? ""
    for (const line of lines) this.#line(id, step, stream, line.replace(/\r$/, ""))
  }

  #line(id: string, step: Step, stream: "stdout" | "stderr", line: string): void {
    const text = this.#hide(line).slice(0, LINE_CHARACTERS)
    step.tail.push(text)
    if (step.tail.length > TAIL_LINES) step.tail.shift()
    this.#tell({ type: "output", step: id, name: step.name, text, stream })
  }

  /** A step ends, and with it a last line without an end. */
  #flush(id: string, step: Step): void {
    for (const [stream, output] of step.outputs) {
      const at = stream as "stdout" | "stderr"
      const text = output.decoder.write(Buffer.from(output.redacted.end({ cutOff: true }))) + output.decoder.end()
      this.#lines(id, step, at, output, text)
      if (output.rest !== "") this.#line(id, step, at, output.rest)
    }
    step.outputs.clear()
  }
}
