import { EventEmitter } from "node:events"
import { Demultiplexer } from "../../src/connect/docker/demultiplexer.ts"
import type { Bench } from "../context.ts"
import { dockerModem } from "../peers/install.mjs"

const ROUNDS = 5
/** As a socket hands them over. */
const CHUNK_BYTES = 65_536

interface Shape {
  readonly frameBytes: number
  readonly megabytes: number
  readonly target?: string
}

const SHAPES: readonly Shape[] = [
  { frameBytes: 40, megabytes: 1, target: "ratio >= 10" },
  { frameBytes: 128, megabytes: 4, target: "ratio >= 10" },
  { frameBytes: 1_024, megabytes: 16 },
  { frameBytes: 16_384, megabytes: 64 },
  { frameBytes: 4_000_000, megabytes: 32 },
]

/** How fast the one stream of a container is parted into its two outputs, in MB of text a second. */
export async function demuxPart(bench: Bench): Promise<void> {
  const peer = dockerModem()
  const { default: Modem } = (await import(peer.module)) as { default: new () => Peer }
  for (const { frameBytes, megabytes, target } of SHAPES) {
    const chunks = chunksOf(frameBytes, megabytes)
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const textBytes = Math.floor(sizeBytes / (frameBytes + 8)) * frameBytes
    const rate = (work: () => number) => (): number => {
      const begun = performance.now()
      const gotBytes = work()
      if (gotBytes !== textBytes) throw new Error(`${gotBytes} of ${textBytes} bytes came out`)
      return textBytes / 1e6 / ((performance.now() - begun) / 1_000)
    }
    const medians = await bench.interleave(ROUNDS, {
      ours: rate(() => ours(chunks)),
      other: rate(() => theirs(new Modem(), chunks)),
    })
    const name = `frames of ${frameBytes} bytes`
    bench.row({ name, unit: "MB/s", ...medians, otherName: peer.name, ...(target && { target }) })
  }
}

interface Peer {
  demuxStream(from: EventEmitter, stdout: Sink, stderr: Sink): void
}

interface Sink {
  write(bytes: Uint8Array): void
}

function ours(chunks: readonly Buffer[]): number {
  let gotBytes = 0
  const parser = new Demultiplexer((_stream, bytes) => {
    gotBytes += bytes.length
  })
  for (const chunk of chunks) parser.push(chunk)
  parser.end()
  return gotBytes
}

function theirs(modem: Peer, chunks: readonly Buffer[]): number {
  let gotBytes = 0
  const sink: Sink = {
    write: (bytes) => {
      gotBytes += bytes.length
    },
  }
  const stream = new EventEmitter()
  modem.demuxStream(stream, sink, sink)
  for (const chunk of chunks) stream.emit("data", chunk)
  stream.emit("end")
  return gotBytes
}

/** Both outputs in turn, cut where a socket cuts. */
function chunksOf(frameBytes: number, megabytes: number): readonly Buffer[] {
  const pair = Buffer.alloc(2 * (frameBytes + 8), 0x61)
  for (const [at, stream] of [
    [0, 1],
    [frameBytes + 8, 2],
  ] as const) {
    pair.writeUInt32BE(stream * 0x01_00_00_00, at)
    pair.writeUInt32BE(frameBytes, at + 4)
  }
  const pairs = Math.floor((megabytes * 1e6) / pair.length)
  const whole = Buffer.alloc(pairs * pair.length, pair)
  return Array.from({ length: Math.ceil(whole.length / CHUNK_BYTES) }, (_, at) =>
    whole.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES),
  )
}
