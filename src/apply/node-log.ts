import type { Engine } from "../plan/engine.ts"

type StreamName = "stdout" | "stderr" | "fettle"

/** Longest piece of a log that is one event, in characters: a line that never ends must not be held for ever. */
const PIECE_MAX = 8_192

/**
 * The log of one node's turn. What is written may break anywhere, also inside a secret: it is redacted as a stream,
 * then told line by line. What comes after the turn's end is dropped: it may be the rest of a secret whose beginning
 * is told already, and then no redactor knows it.
 */
export class NodeLog {
  readonly #engine: Engine
  readonly #address: string
  readonly #streams = new Map<
    StreamName,
    {
      readonly hide: ReturnType<Engine["redactStream"]>
      readonly decoder: InstanceType<typeof TextDecoder>
      rest: string
    }
  >()
  #ended = false

  constructor(engine: Engine, address: string) {
    this.#engine = engine
    this.#address = address
  }

  write(text: string, name: StreamName): void {
    if (this.#ended) return
    let stream = this.#streams.get(name)
    if (stream === undefined) {
      stream = { hide: this.#engine.redactStream(), decoder: new TextDecoder(), rest: "" }
      this.#streams.set(name, stream)
    }
    this.#tell(name, stream, stream.decoder.decode(stream.hide.write(Buffer.from(text)), { stream: true }))
  }

  /** Tells what is still held back; a function or process that was left to itself says nothing more. */
  end(): void {
    this.#ended = true
    for (const [name, stream] of this.#streams) {
      this.#tell(name, stream, stream.decoder.decode(stream.hide.end({ cutOff: true })))
      if (stream.rest !== "") this.#emit(name, stream.rest)
    }
    this.#streams.clear()
  }

  #tell(name: StreamName, stream: { rest: string }, text: string): void {
    const lines = (stream.rest + text).split("\n")
    stream.rest = lines.pop() ?? ""
    for (const line of lines) this.#emit(name, line.replace(/\r$/, ""))
    if (stream.rest.length <= PIECE_MAX) return
    this.#emit(name, stream.rest)
    stream.rest = ""
  }

  #emit(stream: StreamName, text: string): void {
    this.#engine.emit({ type: "node.log", address: this.#address, stream, text })
  }
}
